/* SPDX-License-Identifier: ISC */

#include "berth/out/filter.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"

/* Whole, and cut at every place: the result must be the same. */
static void
assert_filtered(enum filter_mode mode, const char *text, const char *wanted)
{
	size_t n = strlen(text);

	for (size_t cut = 0; cut <= n; cut++) {
		AUTO_BUF out = BUF_INIT(1 << 20);
		struct filter filter;

		filter_init(&filter, mode);
		filter_add(&filter, text, cut, &out);
		filter_add(&filter, text + cut, n - cut, &out);
		filter_end(&filter, &out);
		assert_string_equal(buf_text(&out), wanted);
	}
}

/* And byte by byte. */
static void
assert_both(const char *text, const char *shown, const char *coloured)
{
	assert_filtered(FILTER_SHOW, text, shown);
	assert_filtered(FILTER_COLOUR, text, coloured);
	for (size_t mode = 0; mode < 2; mode++) {
		AUTO_BUF out = BUF_INIT(1 << 20);
		struct filter filter;

		filter_init(&filter, mode ? FILTER_COLOUR : FILTER_SHOW);
		for (const char *p = text; *p; p++)
			filter_add(&filter, p, 1, &out);
		filter_end(&filter, &out);
		assert_string_equal(buf_text(&out), mode ? coloured : shown);
	}
}

static void
text_passes(void **state UNUSED)
{
	assert_both("plain\ttext\n", "plain\ttext\n", "plain\ttext\n");
	assert_both("\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80",
		    "\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80",
		    "\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80");
}

static void
colours_pass_in_live_output_and_are_ended(void **state UNUSED)
{
	assert_both("\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m",
		    "\033[31mred\033[0m\033[0m");
	assert_both("\033[38;5;12;1mx", "\\x1b[38;5;12;1mx",
		    "\033[38;5;12;1mx\033[0m");
	assert_both("50%\033[K", "50%\\x1b[K", "50%\033[K");
}

static void
nothing_else_that_a_terminal_obeys_passes(void **state UNUSED)
{
	assert_both("\033[2J", "\\x1b[2J", "\\x1b[2J");
	assert_both("\033[1;1H", "\\x1b[1;1H", "\\x1b[1;1H");
	assert_both("\033[6n", "\\x1b[6n", "\\x1b[6n");
	assert_both("\033[?1049h", "\\x1b[?1049h", "\\x1b[?1049h");
	assert_both("\033]0;title\007x", "\\x1b]0;title\\x07x",
		    "\\x1b]0;title\\x07x");
	assert_both("\033]52;c;aGk=\033\\", "\\x1b]52;c;aGk=\\x1b\\",
		    "\\x1b]52;c;aGk=\\x1b\\");
	assert_both("\033c", "\\x1bc", "\\x1bc");
	assert_both("\033[>4;2m", "\\x1b[>4;2m", "\\x1b[>4;2m");
	assert_both("\xc2\x9b"
		    "2J",
		    "\\u{9b}2J", "\\u{9b}2J");
}

static void
line_ends_and_progress(void **state UNUSED)
{
	assert_filtered(FILTER_SHOW, "a\r\nb\rc", "a\nb\\x0dc");
	assert_filtered(FILTER_COLOUR, "a\r\nb\rc\b", "a\r\nb\rc\b");
}

static void
what_is_cut_short_is_shown_at_the_end(void **state UNUSED)
{
	assert_both("x\033[3", "x\\x1b[3", "x\\x1b[3");
	assert_both("x\033", "x\\x1b", "x\\x1b");
	assert_both("x\xe6\xbc", "x\\xe6\\xbc", "x\\xe6\\xbc");
}

static void
broken_bytes_are_shown(void **state UNUSED)
{
	assert_both("\xff\xc3(\xe6\xbcz", "\\xff\\xc3(\\xe6\\xbcz",
		    "\\xff\\xc3(\\xe6\\xbcz");
}

static void
an_endless_sequence_is_no_colour(void **state UNUSED)
{
	char text[200] = "\033[";
	AUTO_BUF wanted = BUF_INIT(400);

	memset(text + 2, '1', 190);
	text[192] = 'm';
	(void)buf_addf(&wanted, "\\x1b%s", text + 1);
	assert_filtered(FILTER_COLOUR, text, buf_text(&wanted));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_passes),
		cmocka_unit_test(colours_pass_in_live_output_and_are_ended),
		cmocka_unit_test(nothing_else_that_a_terminal_obeys_passes),
		cmocka_unit_test(line_ends_and_progress),
		cmocka_unit_test(what_is_cut_short_is_shown_at_the_end),
		cmocka_unit_test(broken_bytes_are_shown),
		cmocka_unit_test(an_endless_sequence_is_no_colour),
	};

	return RUN_TESTS(tests);
}
