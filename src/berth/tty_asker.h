/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_TTY_ASKER_H
#define BERTH_BERTH_TTY_ASKER_H

/*
 * What a link wants to know, asked at the terminal.
 *
 * The terminal is /dev/tty, so that questions neither mix with output nor take
 * input that is for the command.  What must not be seen is not echoed.  The end
 * of input and Ctrl-C are "no answer"; the terminal is as it was before, also
 * after a signal.
 */

#include <stdbool.h>

struct link_asker;

/*
 * NULL when there is no terminal to ask at.  Borrowed for good.  `quiet': no
 * notes about attempts that failed.
 */
const struct link_asker *tty_asker(bool quiet);

#endif
