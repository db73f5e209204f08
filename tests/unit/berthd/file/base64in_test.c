/* SPDX-License-Identifier: ISC */

#include "berthd/file/base64in.h"
#include "tests/unit/unit.h"

#include <string.h>

/* Feed in pieces; NULL: it must be refused somewhere. */
static void
assert_decodes(const char *text, const char *expected)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		AUTO_BUF out = BUF_INIT(100);
		struct base64_in in;
		int rc = 0;

		base64_in_init(&in, 100);
		for (size_t at = 0; at < strlen(text) && rc == 0; at += piece)
			rc = base64_in_add(&in, text + at,
					   MIN(piece, strlen(text) - at), &out);
		if (rc == 0 && !base64_in_is_complete(&in))
			rc = -1;
		assert_int_equal(rc, expected ? 0 : -1);
		if (expected)
			assert_string_equal(buf_text(&out), expected);
		base64_in_fini(&in);
	}
}

static void
pieces_of_any_length_make_the_whole(void **state UNUSED)
{
	assert_decodes("", "");
	assert_decodes("aGVsbG8gd29ybGQ=", "hello world");
	assert_decodes("aGVsbG8gd29ybGQh", "hello world!");
	assert_decodes("aGVsbG8gd29ybA==", "hello worl");
}

static void
line_ends_are_skipped(void **state UNUSED)
{
	assert_decodes("aGVs\r\nbG8g\nd29y\n\nbGQ=\n", "hello world");
	assert_decodes("a\nG\nV\ns\n", "hel");
}

static void
nothing_may_follow_padding(void **state UNUSED)
{
	assert_decodes("aA==aA==", NULL);
	assert_decodes("aA==a", NULL);
	assert_decodes("aA===", NULL);
}

static void
what_is_not_base64_is_refused(void **state UNUSED)
{
	assert_decodes("aGV", NULL);
	assert_decodes("aG V", NULL);
	assert_decodes("aGV-", NULL);
	assert_decodes("=aGV", NULL);
	assert_decodes("a===", NULL);
	assert_decodes("aGVs\tbG8=", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_length_make_the_whole),
		cmocka_unit_test(line_ends_are_skipped),
		cmocka_unit_test(nothing_may_follow_padding),
		cmocka_unit_test(what_is_not_base64_is_refused),
	};

	return RUN_TESTS(tests);
}
