/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_CALL_H
#define BERTHD_SESSION_CALL_H

/*
 * One run of a program from within the event loop: its output, its complaint,
 * its end.
 *
 * Calls belong to a group, which can be broken as a whole.  A call that takes
 * longer than ten seconds is killed and fails with ERR_TIMEOUT.
 */

#include <stdbool.h>

#include "core/err.h"
#include "core/list.h"

struct buf;
struct uv_loop_s;

struct calls {
	struct uv_loop_s *loop;
	char *const *env; /* borrowed */
	struct list list;
};

void calls_init(struct calls *calls, struct uv_loop_s *loop, char *const *env);

/* Kill what runs; no callback follows. */
void calls_fini(struct calls *calls);

/*
 * Called once, from the loop.  `err' is NULL if the program succeeded; else
 * ERR_REMOTE with the first line of what it said, or why it could not run.
 */
typedef void call_end_fn(const struct buf *out, const struct err *err,
			 void *owner);

/* Start; what cannot be started fails by the callback, too. */
void call_start(struct calls *calls, char *const *argv, call_end_fn *on_end,
		void *owner);

#endif
