/* SPDX-License-Identifier: ISC */

#include "berth/out/status.h"
#include "tests/unit/unit.h"

#include <pty.h>
#include <string.h>
#include <unistd.h>

#include "core/fs.h"

/* Standard error is put aside while a test has its own there. */
static int aside, far;

static int
setup(void **state UNUSED)
{
	struct winsize size = { .ws_col = 30, .ws_row = 20 };
	int near;

	aside = dup(STDERR_FILENO);
	assert_int_equal(openpty(&far, &near, NULL, NULL, &size), 0);
	dup2(near, STDERR_FILENO);
	close(near);
	fd_set_nonblock(far);
	setenv("TERM", "xterm", 1);
	unsetenv("COLUMNS");
	return 0;
}

static int
teardown(void **state UNUSED)
{
	dup2(aside, STDERR_FILENO);
	close(aside);
	close(far);
	return 0;
}

static const char *
shown(void)
{
	static char text[1024];
	ssize_t n = read(far, text, sizeof(text) - 1);

	text[MAX(n, 0)] = '\0';
	return text;
}

static void
a_line_is_shown_and_erased(void **state UNUSED)
{
	struct status status;

	status_init(&status, false);
	status_show(&status, "reconnecting to %s", "local");
	assert_string_equal(shown(), "\r\033[Kreconnecting to local");
	status_clear(&status);
	assert_string_equal(shown(), "\r\033[K");
	status_clear(&status);
	assert_string_equal(shown(), "");
}

static void
a_line_fits_and_is_harmless(void **state UNUSED)
{
	struct status status;

	status_init(&status, false);
	status_show(&status, "\033[2J%s", "0123456789012345678901234567890");
	assert_string_equal(shown(), "\r\033[K\\x1b[2J0123456789012345678901");
	status_clear(&status);
	(void)shown();
}

static void
quiet_dumb_or_no_terminal_show_nothing(void **state UNUSED)
{
	struct status status;

	status_init(&status, true);
	status_show(&status, "x");
	setenv("TERM", "dumb", 1);
	status_init(&status, false);
	status_show(&status, "x");
	status_clear(&status);
	assert_string_equal(shown(), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_is_shown_and_erased,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_fits_and_is_harmless,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
		    quiet_dumb_or_no_terminal_show_nothing, setup, teardown),
	};

	return RUN_TESTS(tests);
}
