/* SPDX-License-Identifier: ISC */

#include "cli/help.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "tests/unit/cli/ship.h"

static const char *
help_of(const char *line, size_t width)
{
	static struct buf out = BUF_INIT(1 << 20);
	struct cli_call call = CLI_CALL_INIT;
	struct err err = ERR_INIT;

	buf_clear(&out);
	assert_int_equal(ship_parse(line, &call, &err), 0);
	assert_int_equal(cli_help(&call, width, &out), 0);
	cli_call_fini(&call);
	return buf_text(&out);
}

static void
assert_has(const char *text, const char *part)
{
	assert_non_null(text);
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void
a_command_tells_all_it_takes(void **state UNUSED)
{
	const char *text = help_of("ship load --help", 80);

	assert_has(text, "Usage: ship load [OPTION]... ID [WHERE]\n");
	assert_has(text, "Load cargo.\n");
	assert_has(text, "  -n, --tail N                ");
	assert_has(text, "Only so many (default: all)\n");
	assert_has(text, "Which: stdout, stderr, both\n");
	assert_has(text, "(default: $SHIP_PORT)\n");
	assert_has(text, "\nCommon:\n      --json  ");
	assert_has(text, "  ship load --force coal\n      Load coal\n");
	assert_null(strstr(text, "--id"));
}

static void
a_parent_lists_what_is_below(void **state UNUSED)
{
	const char *text = help_of("ship --help", 80);

	assert_has(text, "Usage: ship [OPTION]... COMMAND\n");
	assert_has(text, "\n  load          Load cargo\n");
	assert_has(text, "\n  ps            Same as 'ship crew ls'\n");
	assert_has(text, "\nExit status:\n  0             All went well\n");
	assert_null(strstr(text, "__complete"));
	assert_has(help_of("ship crew -h", 80), "Usage: ship crew COMMAND\n");
}

static void
lines_fit_the_width(void **state UNUSED)
{
	for (size_t width = 50; width < 100; width += 10) {
		const char *p = help_of("ship load --help", width);

		while (*p) {
			size_t n = strcspn(p, "\n");

			/* The usage line is not broken: it is for copying. */
			if (!str_starts(p, "Usage"))
				assert_true(n <= width);
			p += n + (p[n] == '\n');
		}
	}
}

static void
columns_sets_the_width(void **state UNUSED)
{
	setenv("COLUMNS", "60", 1);
	assert_int_equal(cli_help_width(-1), 60);
	setenv("COLUMNS", "500", 1);
	assert_int_equal(cli_help_width(-1), 100);
	setenv("COLUMNS", "wide", 1);
	assert_int_equal(cli_help_width(-1), 80);
	unsetenv("COLUMNS");
	assert_int_equal(cli_help_width(-1), 80);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_tells_all_it_takes),
		cmocka_unit_test(a_parent_lists_what_is_below),
		cmocka_unit_test(lines_fit_the_width),
		cmocka_unit_test(columns_sets_the_width),
	};

	return RUN_TESTS(tests);
}
