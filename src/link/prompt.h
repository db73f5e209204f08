/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_PROMPT_H
#define BERTH_LINK_PROMPT_H

/*
 * Questions that only a person can answer, brought to one.
 *
 * Whoever can show a question to a person joins as an asker.  A question goes
 * to one asker, once; when that one goes away unanswered, the question is
 * cancelled: he may have been typing.  Answers are secrets: they pass through
 * and are not kept.
 */

#include <stdbool.h>

#include "core/err.h"
#include "core/list.h"
#include "core/rand.h"
#include "link/transport.h"

#define PROMPT_MAX_TEXT 2048

struct prompt_card {
	char id[ID_SIZE];
	enum prompt_kind kind;
	char text[PROMPT_MAX_TEXT];
	char fingerprint[128]; /* of PROMPT_HOST_KEY, or "" */
	bool echo;
	bool is_notice; /* needs no answer */
};

struct prompt_asker {
	struct list link; /* list_init before joining */
	void (*on_prompt)(const struct prompt_card *card, void *owner);
	void *owner;
};

struct prompts {
	struct list askers;
	struct prompt_asker *asked; /* NULL: nothing is open */
	struct prompt_card card;
	/* The answer, NULL if there is none; never from inside prompts_ask. */
	void (*on_answer)(const char *text, void *owner);
	void *owner;
};

void prompts_init(struct prompts *prompts,
		  void (*on_answer)(const char *text, void *owner),
		  void *owner);

void prompts_join(struct prompts *prompts, struct prompt_asker *asker);

/* Harmless for one that did not join. */
void prompts_leave(struct prompts *prompts, struct prompt_asker *asker);

/*
 * False: there is no one to ask, or another question is open.  A notice is
 * shown, if there is anyone, and is done with.
 */
bool prompts_ask(struct prompts *prompts, const struct prompt *prompt);

/* `text' NULL: cancel.  ERR_NOT_FOUND: no such question is open. */
int prompts_answer(struct prompts *prompts, const char *id, const char *text,
		   struct err *err);

/* The attempt is over: forget the question without a word. */
void prompts_clear(struct prompts *prompts);

bool prompts_is_open(const struct prompts *prompts);

/* "host_key" */
const char *prompt_kind_name(enum prompt_kind kind);

#endif
