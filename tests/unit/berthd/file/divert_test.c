/* SPDX-License-Identifier: ISC */

#include "berthd/file/divert.h"
#include "tests/unit/unit.h"

#include <string.h>

/* Feed in pieces of every length and compare both ways. */
static void
assert_divert(const char *text, const char *inside, const char *rest)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		AUTO_BUF out = BUF_INIT(1000);
		struct divert divert;
		struct err err = ERR_INIT;

		divert_init(&divert, "content", 1000);
		for (size_t at = 0; at < strlen(text); at += piece) {
			size_t n = MIN(piece, strlen(text) - at);

			assert_int_equal(
			    divert_add(&divert, text + at, n, &out, &err), 0);
		}
		assert_string_equal(buf_text(&out), inside);
		assert_string_equal(buf_text(&divert.rest), rest);
		assert_false(divert_is_inside(&divert));
		divert_fini(&divert);
	}
}

static void
the_member_is_taken_out_wherever_it_stands(void **state UNUSED)
{
	assert_divert("{\"content\":\"abc\",\"path\":\"/x\"}", "abc",
		      "{\"content\":\"\",\"path\":\"/x\"}");
	assert_divert("{\"path\":\"/x\", \"content\" : \n\t\"abc\"}", "abc",
		      "{\"path\":\"/x\", \"content\" : \n\t\"\"}");
	assert_divert("{\"content\":\"\"}", "", "{\"content\":\"\"}");
}

static void
only_a_name_directly_in_the_object_counts(void **state UNUSED)
{
	static const char *const texts[] = {
		"{\"a\":{\"content\":\"abc\"}}",
		"[\"content\",\"abc\"]",
		"[{\"content\":\"abc\"}]",
		"{\"a\":\"content\",\"b\":\"abc\"}",
		"{\"a\":[\"content\",\"abc\"]}",
		"{\"contents\":\"abc\",\"conten\":\"abc\"}",
		"{\"a\\\"content\":\"abc\"}",
		"{\"content\":1}",
		"{\"content\":[\"abc\"]}",
		"{\"content\":null,\"a\":\"abc\"}",
		"{\"a\":\"\\\\\",\"b\":\"\\\"content\"}",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_divert(texts[i], "", texts[i]);
}

static void
it_is_found_again_after_others(void **state UNUSED)
{
	assert_divert(
	    "{\"a\":{\"b\":[{}]},\"content\":\"x\",\"content\":\"y\"}", "xy",
	    "{\"a\":{\"b\":[{}]},\"content\":\"\",\"content\":\"\"}");
}

static void
escapes_are_undone(void **state UNUSED)
{
	assert_divert("{\"content\":\"a\\/b\\u002B\\u002bc\\n\\\\\\\"d\"}",
		      "a/b++c\n\\\"d", "{\"content\":\"\"}");
}

static void
bad_escapes_are_refused(void **state UNUSED)
{
	static const char *const texts[] = {
		"{\"content\":\"\\x\"}",     "{\"content\":\"\\u00g0\"}",
		"{\"content\":\"\\u0080\"}", "{\"content\":\"\\u0000\"}",
		"{\"content\":\"\\ud83d\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO_BUF out = BUF_INIT(1000);
		struct divert divert;
		struct err err = ERR_INIT;

		divert_init(&divert, "content", 1000);
		assert_int_equal(
		    divert_add(&divert, texts[i], strlen(texts[i]), &out, &err),
		    -1);
		assert_err(err, ERR_INVALID, "invalid request body");
		divert_fini(&divert);
	}
}

static void
inside_the_rest_can_be_completed(void **state UNUSED)
{
	static const char text[] = "{\"path\":\"/x\",\"content\":\"abc";
	AUTO_BUF out = BUF_INIT(100);
	struct divert divert;
	struct err err = ERR_INIT;

	divert_init(&divert, "content", 100);
	assert_false(divert_is_inside(&divert));
	assert_int_equal(divert_add(&divert, text, strlen(text), &out, &err),
			 0);
	assert_true(divert_is_inside(&divert));
	assert_string_equal(buf_text(&divert.rest),
			    "{\"path\":\"/x\",\"content\":\"");
	divert_fini(&divert);
}

static void
the_rest_has_a_limit_and_the_member_has_none(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(100000);
	struct divert divert;
	struct err err = ERR_INIT;

	divert_init(&divert, "content", 20);
	assert_int_equal(divert_add(&divert, "{\"content\":\"", 12, &out, &err),
			 0);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(divert_add(&divert, "abcd", 4, &out, &err), 0);
	assert_int_equal(out.len, 40000);
	assert_int_equal(divert_add(&divert, "\",       ", 9, &out, &err), -1);
	assert_err(err, ERR_LIMIT, "too large");
	divert_fini(&divert);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_member_is_taken_out_wherever_it_stands),
		cmocka_unit_test(only_a_name_directly_in_the_object_counts),
		cmocka_unit_test(it_is_found_again_after_others),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(bad_escapes_are_refused),
		cmocka_unit_test(inside_the_rest_can_be_completed),
		cmocka_unit_test(the_rest_has_a_limit_and_the_member_has_none),
	};

	return RUN_TESTS(tests);
}
