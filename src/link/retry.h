/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_RETRY_H
#define BERTH_LINK_RETRY_H

/*
 * When to try again, and whether.
 *
 * Pauses double with jitter up to a maximum, and end after a number of
 * attempts that failed one after another.  While somebody waits the pauses are
 * cut to a second; such hurried attempts do not count before the pause they cut
 * would have been over, so that impatience does not use up the limit.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct retry {
	int64_t limit;
	uint64_t first_ms, max_ms;

	int64_t n;	   /* attempts that failed and count */
	unsigned n_pauses; /* since the last reset */
	uint64_t due_ms;   /* when the pause of the last one is over */
};

void retry_init(struct retry *retry, int64_t limit, uint64_t first_ms,
		uint64_t max_ms);

/* It works, or a person wants it: begin anew. */
void retry_reset(struct retry *retry);

/*
 * The machine was reached, for how long is not known yet: what failed before
 * does not count, but one who is lost again and again is not asked faster.
 */
void retry_reached(struct retry *retry);

/* Only what lies between us and the machine goes away by itself. */
bool retry_may_help(const struct err *why);

/*
 * An attempt failed at `now_ms'.  False: no more; else *ret_ms is the pause.
 */
bool retry_next(struct retry *retry, uint64_t now_ms, bool hurry,
		uint64_t *ret_ms);

/* Somebody has begun to wait when `ms' of a pause were left: what is now. */
uint64_t retry_hurried(uint64_t ms);

#endif
