/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_CONTROL_H
#define BERTH_LINK_CONTROL_H

/*
 * The link's own API, on its control socket: who it is, making it connect,
 * answering its questions, streams of any kind, its events and its end.
 * docs/link.md says it at length.
 */

#include <stddef.h>

#include "core/err.h"

struct control;
struct events;
struct front;
struct link;
struct uv_loop_s;

struct control_config {
	struct uv_loop_s *loop;
	const char *machine; /* borrowed for good */
	struct link *link;
	struct front *front;
	struct events *events;
	void (*on_stop)(void *owner);
	void *owner;
};

/* `fd' listens and is taken on success. */
struct control *control_new(const struct control_config *config, int fd,
			    struct err *err);

/* No new connections; answers under way are sent. */
void control_drain(struct control *control);
size_t control_n_conns(const struct control *control);

/*
 * Break what is left.  Turn the loop until nothing of it is left, then free:
 * exchanges end in those turns.
 */
void control_stop(struct control *control);
void control_free(struct control *control);

#endif
