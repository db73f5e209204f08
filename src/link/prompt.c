/* SPDX-License-Identifier: ISC */

/* Questions and who is asked them; see prompt.h. */

#include <stdio.h>

#include "core/clock.h"
#include "core/text.h"
#include "link/prompt.h"

static const char *const kinds[] = {
	[PROMPT_HOST_KEY] = "host_key",	    [PROMPT_PASSWORD] = "password",
	[PROMPT_PASSPHRASE] = "passphrase", [PROMPT_CODE] = "code",
	[PROMPT_CONFIRM] = "confirm",
};

const char *
prompt_kind_name(enum prompt_kind kind)
{
	return kinds[kind];
}

void
prompts_init(struct prompts *prompts,
	     void (*on_answer)(const char *text, void *owner), void *owner)
{
	*prompts = (struct prompts){ .on_answer = on_answer, .owner = owner };
	list_init(&prompts->askers);
}

void
prompts_join(struct prompts *prompts, struct prompt_asker *asker)
{
	list_append(&prompts->askers, &asker->link);
}

void
prompts_leave(struct prompts *prompts, struct prompt_asker *asker)
{
	list_unlink(&asker->link);
	if (prompts->asked != asker)
		return;
	prompts->asked = NULL;
	prompts->on_answer(NULL, prompts->owner);
}

static void
fill_card(struct prompt_card *card, const struct prompt *prompt)
{
	id_new(card->id, clock_wall_ns());
	card->kind = prompt->kind;
	card->echo = prompt->echo;
	card->is_notice = prompt->is_notice;
	snprintf(card->text, sizeof(card->text), "%s", prompt->text);
	snprintf(card->fingerprint, sizeof(card->fingerprint), "%s",
		 prompt->fingerprint ? prompt->fingerprint : "");
}

bool
prompts_ask(struct prompts *prompts, const struct prompt *prompt)
{
	struct prompt_asker *asker;
	struct prompt_card card;

	if (list_is_empty(&prompts->askers) ||
	    (prompts->asked && !prompt->is_notice))
		return prompt->is_notice;
	asker = list_entry(prompts->askers.next, struct prompt_asker, link);
	fill_card(&card, prompt);
	if (!prompt->is_notice) {
		prompts->asked = asker;
		prompts->card = card;
	}
	asker->on_prompt(&card, asker->owner);
	return true;
}

int
prompts_answer(struct prompts *prompts, const char *id, const char *text,
	       struct err *err)
{
	if (prompts->asked == NULL || !str_eq(prompts->card.id, id))
		return err_set(err, ERR_NOT_FOUND,
			       "that question is not open any more");
	prompts->asked = NULL;
	prompts->on_answer(text, prompts->owner);
	return 0;
}

void
prompts_clear(struct prompts *prompts)
{
	prompts->asked = NULL;
}

bool
prompts_is_open(const struct prompts *prompts)
{
	return prompts->asked != NULL;
}
