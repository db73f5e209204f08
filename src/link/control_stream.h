/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_CONTROL_STREAM_H
#define BERTH_LINK_CONTROL_STREAM_H

/*
 * POST /v1/link/stream: a connection of the control socket becomes a stream of
 * any kind.
 */

struct buf;
struct front;
struct http_exchange;
struct link;

/* Answer `x', whose body this is, at once or later. */
void control_stream_start(struct link *link, struct front *front,
			  struct http_exchange *x, const struct buf *body);

#endif
