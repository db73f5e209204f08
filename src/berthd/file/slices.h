/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_SLICES_H
#define BERTHD_FILE_SLICES_H

/*
 * An answer that is made while it is sent: a stream of slices.
 *
 * A body that nobody could hold as a whole is made slice by slice.  Between two
 * slices the loop serves others, and a client that does not read stops the
 * making.  For the routes of this folder that answer with lists, archives or
 * coded content; bytes of a file as they are go by http_reply_file.
 *
 * It is embedded in what a request needs (its operation), which is found by
 * container_of and lives until on_gone:
 *
 *	slices_init(&op->slices, x, loop, MAX_SLICE, &events);
 *	... reply_error(x, &err), or ...
 *	slices_start(&op->slices, TYPE);
 *
 * In between, the owner of the exchange, to whom its callbacks go, is the
 * struct slices.
 */

#include <stddef.h>

#include <uv.h>

#include "core/buf.h"
#include "core/err.h"

struct http_exchange;
struct slices;

struct slices_events {
	/*
	 * Append a slice to slices->out, which is empty: 1 there is more, 0
	 * that was the end.  -1: the answer cannot be completed; since its
	 * head is sent, the connection will be broken.
	 */
	int (*make)(struct slices *slices, struct err *err);
	/* The last slice was made, or (`err') none will be; may be NULL. */
	void (*on_end)(struct slices *slices, const struct err *err);
	/* The exchange is over: free the operation.  Also without a start. */
	void (*on_gone)(struct slices *slices);
};

struct slices {
	struct http_exchange *x;
	uv_idle_t idle; /* active while a slice can be sent */
	struct buf out;
	const struct slices_events *events;
};

/* Take over the exchange.  `max' bytes are the most that a slice can have. */
void slices_init(struct slices *slices, struct http_exchange *x,
		 uv_loop_t *loop, size_t max,
		 const struct slices_events *events);

/* Answer 200 with a body of this type; the first slice is made later. */
void slices_start(struct slices *slices, const char *type);

#endif
