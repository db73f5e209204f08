/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_EXEC_SIDE_H
#define BERTH_CLIENT_EXEC_SIDE_H

/*
 * Small requests about an exec whose output is being shown: sent from within
 * the loop, and worth a word only when they fail.  Each takes care of itself;
 * freeing the client drops it.
 */

#include <stdint.h>

#include "core/err.h"

struct client;

/* `on_fail' may be NULL; it may be called from within the function. */
typedef void exec_side_fail_fn(const struct err *err, void *owner);

struct exec_side {
	struct client *client;
	const char *id; /* borrowed for the call */
	exec_side_fail_fn *on_fail;
	void *owner;
};

void exec_side_signal(const struct exec_side *side, const char *signal);
void exec_side_cancel(const struct exec_side *side);
void exec_side_resize(const struct exec_side *side, uint64_t cols,
		      uint64_t rows);

#endif
