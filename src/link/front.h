/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_FRONT_H
#define BERTH_LINK_FRONT_H

/*
 * The socket behind which the daemon of the machine seems to listen: each
 * connection becomes one stream to it.
 *
 * Whoever comes while the link is being made waits, not for ever; who cannot
 * be served gets a 503 with an error, as a daemon would give it.
 */

#include <stddef.h>

#include "core/err.h"

struct front;
struct link;
struct stream;
struct uv_loop_s;

/* `fd' listens and is taken on success. */
struct front *front_new(struct uv_loop_s *loop, struct link *link, int fd,
			struct err *err);

/* Breaks all connections. */
void front_free(struct front *front);

/* One connection from elsewhere; taken. */
void front_serve(struct front *front, struct stream *client);

size_t front_n_visitors(const struct front *front);

#endif
