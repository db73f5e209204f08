/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_CLOCK_H
#define BERTH_CORE_CLOCK_H

/*
 * Time, with its units in the names.
 *
 * Durations and deadlines use the monotonic clock; what a person reads uses
 * wall time.  A span that must stay ordered when somebody sets the clock takes
 * wall time once (struct clock_base) and counts on from there, through suspend.
 */

#include <stdint.h>
#include <time.h>

#include "core/err.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

/* "2026-11-21T09:30:00.123456789Z" and its NUL. */
#define RFC3339_SIZE 31

uint64_t clock_mono_ms(void);
uint64_t clock_boot_ns(void);
uint64_t clock_wall_ns(void);

/* For the kernel; before 1970, too. */
struct timespec clock_timespec(int64_t wall_ns);

/* Wall time that never steps: where it stood at init, plus boot time since. */
struct clock_base {
	uint64_t wall_ns;
	uint64_t boot_ns;
};

void clock_base_init(struct clock_base *base);
uint64_t clock_base_ns(const struct clock_base *base);

/* UTC with the digits that are not zero, as RFC 3339. */
const char *rfc3339_format(char out[RFC3339_SIZE], uint64_t wall_ns);

/* Offsets other than Z are taken into account; 1970 to 2554. */
int rfc3339_parse(const char *text, uint64_t *ret_wall_ns, struct err *err);

/* RFC 3339, or a duration that means so long before `now_ns'. */
int moment_parse(const char *text, uint64_t now_ns, uint64_t *ret_wall_ns,
		 struct err *err);

#endif
