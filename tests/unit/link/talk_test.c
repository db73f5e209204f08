/* SPDX-License-Identifier: ISC */

#include "link/talk.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/mem.h"
#include "core/text.h"

static void
feed(struct talk *talk, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(talk_feed(talk, text, strlen(text), &err), 0);
}

static void
lines_with_the_token_are_ours(void **state UNUSED)
{
	struct talk talk;
	struct talk_line line;

	talk_init(&talk, "T0k");
	feed(&talk, "banner\nT0k up a b  c\r\nno endT0k ready\nT0k\nT0k x");
	assert_true(talk_next(&talk, &line));
	assert_string_equal(line.word, "up");
	assert_string_equal(talk_word(&line.rest), "a");
	assert_string_equal(line.rest, "b  c");
	assert_true(talk_next(&talk, &line));
	assert_string_equal(line.word, "ready");
	assert_string_equal(line.rest, "");
	assert_true(talk_next(&talk, &line));
	assert_string_equal(line.word, "");
	assert_false(talk_next(&talk, &line));
	feed(&talk, "y z\n");
	assert_true(talk_next(&talk, &line));
	assert_string_equal(line.word, "xy");
	assert_string_equal(line.rest, "z");
	talk_fini(&talk);
}

static void
every_cut_gives_the_same_lines(void **state UNUSED)
{
	static const char text[] = "mess\nT0k one 1\nT0kmess T0k\n"
				   "T0k two 2\n";

	for (size_t cut = 0; cut <= strlen(text); cut++) {
		struct talk talk;
		struct talk_line line;
		struct err err = ERR_INIT;
		AUTO_BUF got = BUF_INIT(1024);

		talk_init(&talk, "T0k");
		for (int part = 0; part < 2; part++) {
			size_t from = part ? cut : 0;
			size_t n = part ? strlen(text) - cut : cut;

			assert_int_equal(talk_feed(&talk, text + from, n, &err),
					 0);
			while (talk_next(&talk, &line))
				buf_addf(&got, "%s=%s;", line.word, line.rest);
		}
		assert_string_equal(buf_text(&got), "one=1;mess=T0k;two=2;");
		talk_fini(&talk);
	}
}

static void
noise_without_end_is_dropped_and_ours_without_end_refused(void **state UNUSED)
{
	AUTO_FREE char *much = xmalloc(60001);
	struct talk talk;
	struct talk_line line;
	struct err err = ERR_INIT;

	memset(much, 'x', 60000);
	much[60000] = '\0';
	talk_init(&talk, "T0k");
	for (int i = 0; i < 20; i++)
		feed(&talk, much);
	feed(&talk, "T0k here\n");
	assert_true(talk_next(&talk, &line));
	assert_string_equal(line.word, "here");
	feed(&talk, "T0k ");
	feed(&talk, much);
	feed(&talk, much);
	assert_int_equal(talk_feed(&talk, much, 60000, &err), -1);
	assert_int_equal(err.code, ERR_PROTO);
	talk_fini(&talk);
}

static void
what_was_seen_is_the_visible_end(void **state UNUSED)
{
	struct talk talk;
	struct talk_line line;
	char seen[TALK_MAX_NOISE + 1], few[8];

	talk_init(&talk, "T0k");
	talk_feed_error(&talk, "before", 6);
	talk_feed_error(&talk, "oldT0k new\033[0m\n", 15);
	feed(&talk, "words\nT0k line\nrest \n");
	assert_true(talk_next(&talk, &line));
	assert_false(talk_next(&talk, &line));
	talk_seen(&talk, seen, sizeof(seen));
	assert_string_equal(seen, " new\\x1b[0m\nwords\nrest");
	talk_seen(&talk, few, sizeof(few));
	assert_string_equal(few, "ds\nrest");
	talk_forget_noise(&talk);
	talk_seen(&talk, seen, sizeof(seen));
	assert_string_equal(seen, "");
	talk_fini(&talk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_with_the_token_are_ours),
		cmocka_unit_test(every_cut_gives_the_same_lines),
		cmocka_unit_test(
		    noise_without_end_is_dropped_and_ours_without_end_refused),
		cmocka_unit_test(what_was_seen_is_the_visible_end),
	};

	return RUN_TESTS(tests);
}
