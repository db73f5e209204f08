/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_CONTROL_CLIENT_H
#define BERTHD_EXEC_CONTROL_CLIENT_H

/*
 * The daemon's end of the control channel to one holder.
 *
 * Owned by the exec's run, or by the pool of holders that have none
 * (holder_pool.h); on_gone is called once when the holder hung up,
 * which it does when its work is done and when it dies.  A callback may free
 * the client as its last act.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct control_client;
struct control_msg;
struct uv_loop_s;

struct control_client_events {
	void (*on_message)(struct control_client *, const struct control_msg *,
			   const void *data, size_t n, void *owner);
	void (*on_gone)(struct control_client *, void *owner);
};

/* `fd' is taken. */
struct control_client *
control_client_new(struct uv_loop_s *loop, int fd,
		   const struct control_client_events *events, void *owner);

/* Connect to a holder that runs already, through its exec's directory. */
struct control_client *
control_client_connect(struct uv_loop_s *loop, int dir_fd,
		       const struct control_client_events *events, void *owner,
		       struct err *err);

/* Another listener from now on; may be called from a callback. */
void control_client_retarget(struct control_client *client,
			     const struct control_client_events *events,
			     void *owner);

/* Hang up; no callback follows. */
void control_client_free(struct control_client *client);

/* False when the holder cannot take it now (its socket is full or gone). */
bool control_client_send(struct control_client *client,
			 const struct control_msg *msg, const void *data,
			 size_t n);

#endif
