/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_ASK_H
#define BERTHD_ASK_H

/*
 * One request to the daemon that runs, for berthd's own commands.
 */

#include "core/err.h"

struct buf;

/*
 * ERR_NOT_FOUND: no daemon runs.  ERR_UNREACHABLE: the one that did ended in
 * the middle.  An answer that is an error becomes `err';
 * otherwise its body is appended to `ret'.
 */
int ask_daemon(const char *method, const char *target, struct buf *ret,
	       struct err *err);

#endif
