/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_FIND_MACHINE_H
#define BERTH_LINK_FIND_MACHINE_H

/*
 * The machine of a name.
 */

#include "core/err.h"

struct machine;

/* ERR_NOT_FOUND: there is none of that name. */
int find_machine(const char *name, struct machine *ret, struct err *err);

#endif
