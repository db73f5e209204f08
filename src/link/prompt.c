/* SPDX-License-Identifier: ISC */

/* Questions and who is asked them; see prompt.h. */

#include <stdio.h>
#include <string.h>

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
prompt_find_fingerprint(const char *text, char *out, size_t size)
{
	const char *at = strstr(text, "SHA256:");
	size_t n = 0;

	if (at)
		n = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/=:");
	snprintf(out, size, "%.*s", (int)MIN(n, size - 1), at ? at : "");
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

bool
prompts_ask(struct prompts *prompts, const struct prompt *prompt)
{
	struct prompt_card *card = &prompts->card;
	struct prompt_asker *asker;

	if (prompts->asked || list_is_empty(&prompts->askers))
		return false;
	asker = list_entry(prompts->askers.next, struct prompt_asker, link);
	id_new(card->id, clock_wall_ns());
	card->kind = prompt->kind;
	card->echo = prompt->echo;
	snprintf(card->text, sizeof(card->text), "%s", prompt->text);
	card->fingerprint[0] = '\0';
	if (prompt->kind == PROMPT_HOST_KEY)
		prompt_find_fingerprint(prompt->text, card->fingerprint,
					sizeof(card->fingerprint));
	prompts->asked = asker;
	asker->on_prompt(card, asker->owner);
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
