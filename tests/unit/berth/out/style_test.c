/* SPDX-License-Identifier: ISC */

#include "berth/out/style.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

struct ends {
	int far, near;
};

/* A terminal of 90 columns. */
static struct ends
open_terminal(void)
{
	struct winsize size = { .ws_col = 90, .ws_row = 20 };
	struct ends ends;

	assert_int_equal(openpty(&ends.far, &ends.near, NULL, NULL, &size), 0);
	return ends;
}

static void
close_terminal(struct ends ends)
{
	close(ends.far);
	close(ends.near);
}

static int
forget_environment(void **state UNUSED)
{
	unsetenv("NO_COLOR");
	unsetenv("CLICOLOR_FORCE");
	unsetenv("COLUMNS");
	setenv("TERM", "xterm", 1);
	return 0;
}

static void
terminals_are_coloured_and_pipes_are_not(void **state UNUSED)
{
	struct ends ends = open_terminal();
	int null = open("/dev/null", O_WRONLY);

	assert_true(style_wanted(ends.near));
	assert_false(style_wanted(null));
	setenv("TERM", "dumb", 1);
	assert_false(style_wanted(ends.near));
	unsetenv("TERM");
	assert_false(style_wanted(ends.near));
	close(null);
	close_terminal(ends);
}

static void
no_color_wins_over_everything(void **state UNUSED)
{
	struct ends ends = open_terminal();

	setenv("NO_COLOR", "1", 1);
	setenv("CLICOLOR_FORCE", "1", 1);
	assert_false(style_wanted(ends.near));
	setenv("NO_COLOR", "", 1);
	assert_true(style_wanted(ends.near));
	close_terminal(ends);
}

static void
colour_can_be_forced(void **state UNUSED)
{
	int null = open("/dev/null", O_WRONLY);

	setenv("CLICOLOR_FORCE", "1", 1);
	assert_true(style_wanted(null));
	setenv("CLICOLOR_FORCE", "0", 1);
	assert_false(style_wanted(null));
	close(null);
}

static void
unwanted_styles_are_empty(void **state UNUSED)
{
	assert_string_equal(style_begin(false, STYLE_RED), "");
	assert_string_equal(style_end(false, STYLE_RED), "");
	assert_string_equal(style_begin(true, STYLE_RED), "\033[31m");
	assert_string_equal(style_end(true, STYLE_RED), "\033[0m");
	assert_string_equal(style_end(true, STYLE_PLAIN), "");
}

static void
only_terminals_have_columns(void **state UNUSED)
{
	struct ends ends = open_terminal();
	int null = open("/dev/null", O_WRONLY);

	assert_int_equal(style_columns(ends.near), 90);
	setenv("COLUMNS", "60", 1);
	assert_int_equal(style_columns(ends.near), 60);
	assert_int_equal(style_columns(null), 0);
	close(null);
	close_terminal(ends);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(terminals_are_coloured_and_pipes_are_not,
				       forget_environment),
		cmocka_unit_test_setup(no_color_wins_over_everything,
				       forget_environment),
		cmocka_unit_test_setup(colour_can_be_forced,
				       forget_environment),
		cmocka_unit_test_setup(unwanted_styles_are_empty,
				       forget_environment),
		cmocka_unit_test_setup(only_terminals_have_columns,
				       forget_environment),
	};

	return RUN_TESTS(tests);
}
