/* SPDX-License-Identifier: ISC */

#include "http/head.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"

static void
names_are_found_without_regard_to_case(void **state UNUSED)
{
	struct http_header headers[] = { { "Host", "a" },
					 { "X-One", "1" },
					 { "x-one", "2" } };
	struct http_head head = { .headers = headers, .n_headers = 3 };

	assert_string_equal(http_head_find(&head, "hOST"), "a");
	assert_string_equal(http_head_find(&head, "X-ONE"), "1");
	assert_null(http_head_find(&head, "X-On"));
	assert_null(http_head_find(&head, "X-One-"));
}

static void
token_is_found_in_any_list(void **state UNUSED)
{
	struct http_header headers[] = { { "Connection", "keep-alive, x" },
					 { "connection", " ,\tUPGRADE " } };
	struct http_head head = { .headers = headers, .n_headers = 2 };

	assert_true(http_head_has_token(&head, "Connection", "upgrade"));
	assert_true(http_head_has_token(&head, "Connection", "keep-alive"));
	assert_true(http_head_has_token(&head, "Connection", "X"));
	assert_false(http_head_has_token(&head, "Connection", "keep"));
	assert_false(http_head_has_token(&head, "Connection", "alive"));
	assert_false(http_head_has_token(&head, "Upgrade", "upgrade"));
}

static void
assert_query(const char *query, const char *name, const char *value)
{
	struct http_head head = { .query = query };
	AUTO_FREE char *found = http_head_query(&head, name);

	if (value == NULL) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(found, value);
}

static void
parameters_are_decoded(void **state UNUSED)
{
	assert_query("", "a", NULL);
	assert_query("a=1", "a", "1");
	assert_query("b=1&a=2&a=3", "a", "2");
	assert_query("full", "full", "");
	assert_query("full=", "full", "");
	assert_query("full&x", "x", "");
	assert_query("a=x%20y+z%2B%3d%26", "a", "x y z+=&");
	assert_query("a=b=c", "a", "b=c");
	assert_query("%61%3D=1", "a=", "1");
	assert_query("aa=1", "a", NULL);
	assert_query("&&a=1&", "a", "1");
	assert_query("a=%09%0a", "a", "\t\n");
}

static void
unknown_parameter_is_named(void **state UNUSED)
{
	static const char *const known[] = { "tail", "a b", NULL };
	struct http_head head = { .query = "tail=1&a+b=2&&" };
	char *unknown = http_head_unknown_query(&head, known);

	assert_null(unknown);
	head.query = "tail=1&TAIL=2";
	unknown = http_head_unknown_query(&head, known);
	assert_string_equal(unknown, "TAIL");
	free(unknown);
	head.query = "=1";
	unknown = http_head_unknown_query(&head, known);
	assert_string_equal(unknown, "");
	free(unknown);
}

static void
encoding_is_undone_by_decoding(void **state UNUSED)
{
	char text[256], back[256];
	AUTO_BUF out = BUF_INIT(1024), small = BUF_INIT(2);

	for (unsigned c = 1; c < 256; c++)
		text[c - 1] = (char)c;
	text[255] = '\0';
	assert_int_equal(http_encode(&out, text), 0);
	assert_int_equal(http_decode(back, buf_text(&out), out.len, true), 0);
	assert_string_equal(back, text);

	buf_clear(&out);
	assert_int_equal(http_encode(&out, "a/b c~\xc3\xa9"), 0);
	assert_string_equal(buf_text(&out), "a%2Fb%20c~%C3%A9");
	assert_int_equal(http_encode(&small, "a/"), -1);
}

static void
malformed_escapes_are_refused(void **state UNUSED)
{
	static const char *const bad[] = { "%",	  "a%",	  "%a",	 "%zz", "%0g",
					   "%00", "%%41", "%-1", "% 1" };
	char out[16];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(http_decode(out, bad[i], strlen(bad[i]), true),
				 -1);
	assert_int_equal(http_decode(out, "a+%2b", 5, false), 0);
	assert_string_equal(out, "a++");
	assert_int_equal(http_decode(NULL, "a+%2b", 5, false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_without_regard_to_case),
		cmocka_unit_test(token_is_found_in_any_list),
		cmocka_unit_test(parameters_are_decoded),
		cmocka_unit_test(unknown_parameter_is_named),
		cmocka_unit_test(encoding_is_undone_by_decoding),
		cmocka_unit_test(malformed_escapes_are_refused),
	};

	return RUN_TESTS(tests);
}
