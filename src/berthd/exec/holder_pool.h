/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_HOLDER_POOL_H
#define BERTHD_EXEC_HOLDER_POOL_H

/*
 * Holders whose exec is over, kept for a moment for the next one.
 *
 * Owned by the runner of processes, which puts the channel of a holder here
 * when it says that it is free, and takes the newest when it has an order.
 * What is not taken within a second or two is hung up on, by which the holder
 * ends; so does whoever ends first, the daemon or the holder.
 */

#include <uv.h>

#include "core/list.h"

struct control_client;

struct holder_pool {
	struct uv_loop_s *loop;
	struct list waiting; /* oldest first */
	unsigned n;
	uv_timer_t sweep;
	bool is_timed; /* `sweep' has been given to the loop */
};

void holder_pool_init(struct holder_pool *pool, struct uv_loop_s *loop);

/* `client' is taken; may be called from its callbacks. */
void holder_pool_add(struct holder_pool *pool, struct control_client *client);

/* The caller owns it, and retargets it at once; NULL: there is none. */
struct control_client *holder_pool_take(struct holder_pool *pool);

/* Hang up on all; what follows in the loop frees the rest. */
void holder_pool_close(struct holder_pool *pool);

#endif
