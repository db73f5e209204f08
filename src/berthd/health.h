/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_HEALTH_H
#define BERTHD_HEALTH_H

/*
 * `berthd health': can this host run and keep execs?
 */

#include <stdbool.h>

#include "core/err.h"

/* Print the report; 0 all is well, 1 something is not, -1 with err. */
int health_run(bool json, struct err *err);

#endif
