/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_ansi.h"

#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	const char *in, *out;
} rows[] = {
	{ "", "" },
	{ "plain text\n", "plain text\n" },
	{ "\033[31mred\033[0m", "red" },
	{ "\033[1;38;5;208mbold\033[m\033[K", "bold" },
	{ "\033[?25lhidden\033[?25h", "hidden" },
	{ "\033]0;title\007text", "text" },
	{ "\033]8;;http://x/\033\\link\033]8;;\033\\", "link" },
	{ "\033Pq#0;2;0\033\\sixel", "sixel" },
	{ "\033_app\033\\a\033^pm\033\\b\033Xsos\033\\c", "abc" },
	{ "\033(Bcharset\033)0", "charset" },
	{ "\033=keypad\033>\033M\0337\0338\033c", "keypad" },
	{ "\xc3\xa9\033[1m\xe2\x82\xac\033[0m", "\xc3\xa9\xe2\x82\xac" },
	{ "a\rb\tc\x08", "a\rb\tc\x08" },
	/* What is broken costs its line at most. */
	{ "\033]0;no end\nnext", "\nnext" },
	{ "\033[31\nnext", "\nnext" },
	{ "\033\nnext", "\nnext" },
	{ "\033[3\x18x", "x" },
	{ "\033\033[1mx", "x" },
	{ "\033]0;a\033[1mx", "x" },
	{ "\033[3\xc3\xa9", "\xc3\xa9" },
	{ "\033[3\r1mx", "\rx" },
	{ "\x9b"
	  "31mx",
	  "\x9b"
	  "31mx" },
	{ "end\033", "end" },
};

static void
sequences_go_and_text_stays(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum log_ansi ansi = LOG_ANSI_TEXT;
		uint8_t bytes[64];
		size_t n = strlen(rows[i].in);

		memcpy(bytes, rows[i].in, n);
		n = log_ansi_strip(&ansi, bytes, n);
		assert_int_equal(n, strlen(rows[i].out));
		assert_memory_equal(bytes, rows[i].out, n);
	}
}

static void
a_sequence_may_be_split_anywhere(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].in);

		for (size_t cut = 0; cut <= len; cut++) {
			enum log_ansi ansi = LOG_ANSI_TEXT;
			uint8_t bytes[64];
			size_t n;

			memcpy(bytes, rows[i].in, len);
			n = log_ansi_strip(&ansi, bytes, cut);
			memmove(bytes + n, bytes + cut, len - cut);
			n += log_ansi_strip(&ansi, bytes + n, len - cut);
			assert_int_equal(n, strlen(rows[i].out));
			assert_memory_equal(bytes, rows[i].out, n);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_go_and_text_stays),
		cmocka_unit_test(a_sequence_may_be_split_anywhere),
	};

	return RUN_TESTS(tests);
}
