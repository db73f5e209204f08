/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CHECKUP_H
#define BERTH_BERTH_CHECKUP_H

/*
 * Machines looked at, many at a time.
 *
 * Each is looked at by a process of its own, since connecting waits.  It says
 * what it found as it finds it, so that one that hangs is still known to have
 * come as far as it did.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "berth/check_report.h"

struct link_asker;
struct machine;

struct checkup_config {
	uint64_t timeout_ms; /* for each machine; a question stops the clock */
	size_t parallel;     /* at most so many at a time; 0: any */
	const struct link_asker *asker; /* of one machine only; or NULL */
	const char *link; /* of one machine: by this link, and no further */
};

/*
 * Fill a report for each of `n' machines; NULL is the machine that we are at.
 * Fails only if nothing can be looked at: what is wrong with a machine is in
 * its report.
 */
int checkup_run(const struct machine *const *machines, size_t n,
		const struct checkup_config *config,
		struct check_report *reports, struct err *err);

#endif
