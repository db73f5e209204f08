/* SPDX-License-Identifier: ISC */

#include "link/prompt.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct {
	char answer[64];
	int n_answers;
	int n_prompts[2];
	struct prompt_card card;
} seen;

static void
on_answer(const char *text, void *owner UNUSED)
{
	snprintf(seen.answer, sizeof(seen.answer), "%s", text ? text : "NONE");
	seen.n_answers++;
}

static void
on_prompt(const struct prompt_card *card, void *owner)
{
	seen.n_prompts[*(int *)owner]++;
	seen.card = *card;
}

static int first = 0, second = 1;
static struct prompts prompts;
static struct prompt_asker a, b;

static const struct prompt question = { .kind = PROMPT_PASSWORD,
					.text = "me@there's password:" };

static int
setup(void **state UNUSED)
{
	memset(&seen, 0, sizeof(seen));
	prompts_init(&prompts, on_answer, NULL);
	a = (struct prompt_asker){ .on_prompt = on_prompt, .owner = &first };
	b = (struct prompt_asker){ .on_prompt = on_prompt, .owner = &second };
	list_init(&a.link);
	list_init(&b.link);
	return 0;
}

static void
without_an_asker_nobody_is_asked(void **state UNUSED)
{
	assert_false(prompts_ask(&prompts, &question));
	assert_false(prompts_is_open(&prompts));
}

static void
one_is_asked_and_the_answer_passes_once(void **state UNUSED)
{
	struct err err = ERR_INIT;

	prompts_join(&prompts, &a);
	prompts_join(&prompts, &b);
	assert_true(prompts_ask(&prompts, &question));
	assert_int_equal(seen.n_prompts[0], 1);
	assert_int_equal(seen.n_prompts[1], 0);
	assert_false(seen.card.echo);
	assert_false(prompts_ask(&prompts, &question));
	assert_int_equal(prompts_answer(&prompts, "other", "x", &err), -1);
	assert_err(err, ERR_NOT_FOUND, "not open");
	assert_int_equal(prompts_answer(&prompts, seen.card.id, "pass", &err),
			 0);
	assert_string_equal(seen.answer, "pass");
	assert_int_equal(prompts_answer(&prompts, seen.card.id, "pass", &err),
			 -1);
	assert_int_equal(seen.n_answers, 1);
}

static void
a_question_dies_with_who_was_asked_and_no_other(void **state UNUSED)
{
	prompts_join(&prompts, &a);
	prompts_join(&prompts, &b);
	assert_true(prompts_ask(&prompts, &question));
	prompts_leave(&prompts, &b);
	assert_int_equal(seen.n_answers, 0);
	prompts_leave(&prompts, &a);
	assert_string_equal(seen.answer, "NONE");
	assert_int_equal(seen.n_prompts[1], 0);
	prompts_leave(&prompts, &a);
	assert_int_equal(seen.n_answers, 1);
}

static void
a_notice_is_shown_and_is_no_question(void **state UNUSED)
{
	const struct prompt notice = { .kind = PROMPT_CONFIRM,
				       .text = "touch it",
				       .is_notice = true };

	assert_true(prompts_ask(&prompts, &notice));
	prompts_join(&prompts, &a);
	assert_true(prompts_ask(&prompts, &question));
	assert_true(prompts_ask(&prompts, &notice));
	assert_int_equal(seen.n_prompts[0], 2);
	assert_true(seen.card.is_notice);
	assert_true(prompts_is_open(&prompts));
	prompts_clear(&prompts);
	assert_false(prompts_is_open(&prompts));
	assert_int_equal(seen.n_answers, 0);
}

static void
a_host_key_brings_its_fingerprint(void **state UNUSED)
{
	const struct prompt host_key = { .kind = PROMPT_HOST_KEY,
					 .text = "The authenticity ...",
					 .fingerprint = "SHA256:abc",
					 .echo = true };

	prompts_join(&prompts, &a);
	assert_true(prompts_ask(&prompts, &host_key));
	assert_string_equal(seen.card.fingerprint, "SHA256:abc");
	assert_string_equal(prompt_kind_name(seen.card.kind), "host_key");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_an_asker_nobody_is_asked, setup),
		cmocka_unit_test_setup(one_is_asked_and_the_answer_passes_once,
				       setup),
		cmocka_unit_test_setup(
		    a_question_dies_with_who_was_asked_and_no_other, setup),
		cmocka_unit_test_setup(a_notice_is_shown_and_is_no_question,
				       setup),
		cmocka_unit_test_setup(a_host_key_brings_its_fingerprint,
				       setup),
	};

	return RUN_TESTS(tests);
}
