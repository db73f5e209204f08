/* SPDX-License-Identifier: ISC */

/* The user's terminal; see term.h. */

#include <sys/ioctl.h>
#include <unistd.h>

#include "berth/term.h"

bool
term_make_raw(struct term *term, int fd)
{
	struct termios raw;

	*term = (struct term){ .fd = fd };
	if (tcgetattr(fd, &term->before) < 0)
		return false;
	raw = term->before;
	cfmakeraw(&raw);
	term->is_raw = tcsetattr(fd, TCSADRAIN, &raw) == 0;
	return term->is_raw;
}

void
term_restore(struct term *term)
{
	if (term->is_raw)
		(void)tcsetattr(term->fd, TCSADRAIN, &term->before);
	term->is_raw = false;
}

bool
term_size(int fd, uint64_t *ret_cols, uint64_t *ret_rows)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 ||
	    size.ws_row == 0)
		return false;
	*ret_cols = size.ws_col;
	*ret_rows = size.ws_row;
	return true;
}
