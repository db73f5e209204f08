/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_RUN_H
#define BERTH_CORE_RUN_H

/*
 * A short program run to its end, for what it prints.
 *
 * The caller waits; so this is for a command line or a start, not for a loop.
 */

#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

/*
 * Run `argv' (found in PATH; no shell) with standard input closed, and append
 * what it prints.  *ret_status is its exit status, or 128 and its signal.
 * Fails with ERR_NOT_FOUND if there is no such program, ERR_TIMEOUT if it takes
 * longer than `timeout_ms' (it is killed), ERR_LIMIT if it prints too much.
 */
int run_program(char *const *argv, uint64_t timeout_ms, struct buf *out,
		struct buf *errors, int *ret_status, struct err *err);

#endif
