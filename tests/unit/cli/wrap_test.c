/* SPDX-License-Identifier: ISC */

#include "cli/wrap.h"
#include "tests/unit/unit.h"

#include "core/buf.h"

static void
assert_wrapped(size_t indent, size_t width, size_t column, const char *text,
	       const char *wanted)
{
	struct wrap wrap = { indent, width, column };
	AUTO_BUF out = BUF_INIT(4096);

	assert_int_equal(wrap_add(&out, &wrap, text), 0);
	assert_string_equal(buf_text(&out), wanted);
}

static void
words_stay_whole(void **state UNUSED)
{
	assert_wrapped(0, 10, 0, "one two three four", "one two\nthree four\n");
	assert_wrapped(0, 5, 0, "incomprehensible x", "incomprehensible\nx\n");
	assert_wrapped(0, 7, 0, "one two three", "one two\nthree\n");
}

static void
the_first_line_begins_where_it_is(void **state UNUSED)
{
	assert_wrapped(4, 12, 4, "one two three", "one two\n    three\n");
	assert_wrapped(4, 12, 0, "one two three", "    one two\n    three\n");
}

static void
paragraphs_and_indented_lines_stand_alone(void **state UNUSED)
{
	assert_wrapped(0, 40, 0, "one\ntwo\n\nthree", "one two\n\nthree\n");
	assert_wrapped(0, 9, 0, "see:\n\n  a  very long line\nend",
		       "see:\n\n  a  very long line\nend\n");
}

static void
too_much_text_is_an_error(void **state UNUSED)
{
	struct wrap wrap = { 0, 80, 0 };
	AUTO_BUF out = BUF_INIT(8);

	assert_int_equal(wrap_add(&out, &wrap, "one two three"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_stay_whole),
		cmocka_unit_test(the_first_line_begins_where_it_is),
		cmocka_unit_test(paragraphs_and_indented_lines_stand_alone),
		cmocka_unit_test(too_much_text_is_an_error),
	};

	return RUN_TESTS(tests);
}
