/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_OUT_STATUS_H
#define BERTH_BERTH_OUT_STATUS_H

/*
 * One line on the terminal that says what is going on, and vanishes.
 *
 * It is shown on standard error, and only where that is a terminal that can
 * erase a line; elsewhere all this is nothing.  Whoever writes to the terminal
 * clears it first.
 */

#include <stdbool.h>

#include "core/macros.h"

struct status {
	bool is_able;
	bool is_shown;
};

void status_init(struct status *status, bool quiet);
void status_show(struct status *status, const char *fmt, ...) PRINTF(2, 3);
void status_clear(struct status *status);

#endif
