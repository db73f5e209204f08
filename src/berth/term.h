/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_TERM_H
#define BERTH_BERTH_TERM_H

/*
 * The user's terminal, lent to a command.
 */

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct term {
	int fd;
	bool is_raw;
	struct termios before;
};

/* Pass every key on: no echo, no lines, no signals.  False: not a terminal. */
bool term_make_raw(struct term *term, int fd);

/* As it was.  Also when it never was raw. */
void term_restore(struct term *term);

/* Its size; false: not a terminal, or of no size. */
bool term_size(int fd, uint64_t *ret_cols, uint64_t *ret_rows);

#endif
