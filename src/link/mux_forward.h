/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_MUX_FORWARD_H
#define BERTH_LINK_MUX_FORWARD_H

/*
 * A request to a running OpenSSH master: let a socket of this host lead to a
 * socket of the machine.  The master listens on it from then on until it ends;
 * what goes over it never passes through us.
 *
 * It needs a connection of its own, since the one that is a proxy (mux.h) has
 * no more requests.
 */

#include "core/err.h"

struct mux_forward;
struct uv_loop_s;

/* Once; `err' is NULL if the master listens.  The request is dead. */
typedef void mux_forward_done_fn(const struct err *err, void *owner);

/*
 * Take the connected socket `fd' of the master, even on failure.  Nothing may
 * have the name `path' yet.  A master that does not answer is found out by its
 * other connection.
 */
struct mux_forward *mux_forward_start(struct uv_loop_s *loop, int fd,
				      const char *path, const char *remote,
				      mux_forward_done_fn *done, void *owner,
				      struct err *err);

/* Before it is done: forget it.  NULL too. */
void mux_forward_free(struct mux_forward *forward);

#endif
