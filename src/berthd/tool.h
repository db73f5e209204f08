/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_TOOL_H
#define BERTHD_TOOL_H

/*
 * A short-lived program of the machine and what it says; blocking, for
 * berthd's own commands and never for the daemon.
 */

#include <stdint.h>

#include "core/err.h"

struct buf;

/*
 * Run argv (found in PATH) with `env'; its standard output and error are
 * appended to `out', the end of them dropped if it is full.  Returns the exit
 * status (128 and more for a signal), or -1: ERR_NOT_FOUND, there is no such
 * program; ERR_TIMEOUT, it took longer than `timeout_ms' and was killed.
 */
int tool_run(char *const *argv, char *const *env, uint64_t timeout_ms,
	     struct buf *out, struct err *err);

#endif
