/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_INTAKE_H
#define BERTHD_FILE_INTAKE_H

/*
 * A body that makes more work than its bytes tell, taken in slices.
 *
 * A small piece of an archive can hold a thousand files.  What came is worked
 * on slice by slice; between two slices the loop serves others, and while input
 * is left over, the exchange is paused.  An error is told when all of the body
 * has come (refusal.h).
 *
 * It is embedded in what a request needs (its operation), which is found by
 * container_of and lives until on_gone.
 */

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "core/buf.h"
#include "core/err.h"
#include "berthd/file/refusal.h"

struct http_exchange;
struct intake;

struct intake_events {
	/*
	 * Use up a slice of intake->in: 1 there is more to do, 0 not without
	 * more of the body.
	 */
	int (*work)(struct intake *intake, struct err *err);
	/* The body is complete, and used up: finish and answer. */
	int (*finish)(struct intake *intake, struct err *err);
	/* One of both failed, which is answered for you: drop what you have. */
	void (*on_failed)(struct intake *intake, const struct err *err);
	/* The exchange is over: free the operation. */
	void (*on_gone)(struct intake *intake);
};

struct intake {
	struct http_exchange *x;
	uv_idle_t idle; /* active while the exchange is paused */
	struct buf in;	/* of the body, not used yet */
	bool is_ended;	/* the body is complete */
	struct refusal refusal;
	const struct intake_events *events;
};

/*
 * Take over the exchange and read its body; nothing is called before this
 * returned.  A slice leaves at most `max_left' bytes of `in' unused.
 */
void intake_start(struct intake *intake, struct http_exchange *x,
		  uv_loop_t *loop, size_t max_left,
		  const struct intake_events *events);

#endif
