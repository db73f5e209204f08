/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_BOOTSTRAP_PARTS_H
#define BERTH_LINK_BOOTSTRAP_PARTS_H

/*
 * What the parts of a bootstrap share: its channel and its ends (bootstrap.c)
 * and its steps (bootstrap_steps.c).  Nobody else includes this.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "core/err.h"
#include "link/bootstrap.h"
#include "link/bootstrap_hello.h"
#include "link/program.h"
#include "link/talk.h"
#include "link/transport.h"

/* Programs are looked at, each with a deadline of its own. */
#define BOOTSTRAP_PROBE_MS 30000

/* What the script has for a number: places that were full. */
#define BOOTSTRAP_PLACES 5

/* Programs that the machine may tell of. */
#define BOOTSTRAP_MAX_PROGRAMS 32

#define BOOTSTRAP_TOKEN 10 /* random bytes */

enum step {
	STEP_SHELL,
	STEP_PROBE,
	STEP_PLACE,  /* asked for a place for a program */
	STEP_UPLOAD, /* the program goes out */
	STEP_START,
	STEP_STOP,
	STEP_DONE, /* nothing more is heard */
	STEPS
};

struct bootstrap {
	struct transport *transport;
	struct channel *channel; /* NULL: closed */
	const struct bootstrap_events *events;
	void *owner;
	struct bootstrap_config config;
	uv_timer_t timer;
	enum step step;
	const char *stage;
	char token[8 + 2 * BOOTSTRAP_TOKEN + 1];
	struct talk talk;
	unsigned n_greetings, n_answers;
	bool was_full[BOOTSTRAP_PLACES];
	bool has_ended; /* cancelled; the timer's close frees */

	/* What the machine told. */
	char *kind; /* "Linux x86_64" */
	char *arch;
	char *lacks;
	uint64_t uid;
	char *broken; /* words of a program that does not work */
	struct bootstrap_hello programs[BOOTSTRAP_MAX_PROGRAMS];
	size_t n_programs;
	int status; /* of the shell; -1: unknown */
	char *signal;

	/* What is done about it. */
	struct program program;
	size_t sent;
	bool replaces;
	struct bootstrap_hello hello;
	struct bootstrap_result result;
};

/* --- bootstrap.c --- */

/* The ends; the owner is told, and may cancel within. */
void bootstrap_fail(struct bootstrap *b, const struct err *err);
void bootstrap_fail_with(struct bootstrap *b, enum err_code code,
			 const char *what, const char *words);
void bootstrap_succeed(struct bootstrap *b);

/* The next step, which has so long; `stage' is what the owner hears. */
void bootstrap_enter(struct bootstrap *b, enum step step, const char *stage,
		     uint64_t ms);

void bootstrap_say(struct bootstrap *b, const char *text);

/* From the beginning; what is known of full places stays. */
void bootstrap_open_channel(struct bootstrap *b, struct err *err);
void bootstrap_close_channel(struct bootstrap *b);

/* A greeting was answered; the last one by now: the script is sent. */
void bootstrap_on_greeted(struct bootstrap *b, char *rest);

/* --- bootstrap_steps.c --- */

/* One line of the machine's. */
void bootstrap_hear(struct bootstrap *b, struct talk_line *line);

/* More of the program, until the channel is full. */
void bootstrap_send_program(struct bootstrap *b);

#endif
