/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_SPAWNER_H
#define BERTHD_EXEC_SPAWNER_H

/*
 * The spawner: a fork of the daemon from before it had anything, which forks
 * holders.
 *
 * A holder forked from here shares the daemon's code and a few pages of a
 * small heap, so it costs a tenth of a millisecond and some ten kilobytes; one
 * forked from the daemon would keep copies of the daemon's heap, and one that
 * is executed pays for loading.  The spawner ends when the daemon does; the
 * holders do not notice.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct spawner {
	int fd;
	int64_t pid;
};

/*
 * Fork it: early in main, before descriptors, threads and the event loop.
 */
int spawner_start(struct spawner *spawner, struct err *err);
void spawner_stop(struct spawner *spawner);

/*
 * Order a holder for an encoded launch order (launch.h).  Returns the daemon's
 * end of the control channel; what becomes of the order is said there, if only
 * by its end.
 */
int spawner_launch(const struct spawner *spawner, const void *order, size_t n,
		   struct err *err);

#endif
