/* SPDX-License-Identifier: ISC */

#include "berth/term.h"
#include "tests/unit/unit.h"

#include <pty.h>
#include <unistd.h>

static void
a_terminal_is_lent_and_given_back(void **state UNUSED)
{
	struct winsize size = { .ws_col = 90, .ws_row = 20 };
	struct termios before, now;
	uint64_t cols, rows;
	struct term term;
	int far, near;

	assert_int_equal(openpty(&far, &near, NULL, NULL, &size), 0);
	assert_int_equal(tcgetattr(near, &before), 0);
	assert_true(term_make_raw(&term, near));
	assert_int_equal(tcgetattr(near, &now), 0);
	assert_int_equal(now.c_lflag & (ICANON | ECHO | ISIG), 0);
	term_restore(&term);
	term_restore(&term);
	assert_int_equal(tcgetattr(near, &now), 0);
	assert_int_equal(now.c_lflag, before.c_lflag);
	assert_true(term_size(near, &cols, &rows));
	assert_int_equal(cols, 90);
	assert_int_equal(rows, 20);
	close(far);
	close(near);
}

static void
a_pipe_is_no_terminal(void **state UNUSED)
{
	uint64_t cols, rows;
	struct term term;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_false(term_make_raw(&term, fds[0]));
	assert_false(term_size(fds[0], &cols, &rows));
	term_restore(&term);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal_is_lent_and_given_back),
		cmocka_unit_test(a_pipe_is_no_terminal),
	};

	return RUN_TESTS(tests);
}
