/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_RELAY_H
#define BERTHD_LOGIN_RELAY_H

/*
 * Standing between a terminal and a program, to record what is shown.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct cast;
struct errand;

/*
 * Run it on a terminal of its own and pass on everything, both ways, with
 * changes of size.  What it shows is recorded, what is typed only with
 * `input'.  The exit status as of supervise_run, or -1; `cast' is closed.
 */
int relay_run(const struct errand *errand, struct cast *cast, bool input,
	      uint64_t *ret_duration_ms, struct err *err);

#endif
