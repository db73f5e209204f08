/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOCK_H
#define BERTHD_LOCK_H

/*
 * One daemon per state directory: whoever has the lock is it.
 *
 * The kernel drops the lock with the last descriptor of its file description,
 * so a killed daemon leaves none behind.  Nothing that outlives the daemon may
 * inherit it: the spawner is forked before.  A handover passes the descriptor.
 */

#include "core/err.h"

/* The locked descriptor; ERR_CONFLICT if another daemon has it. */
int lock_take(const char *state_dir, struct err *err);

#endif
