/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_STREAMS_H
#define BERTH_LINK_STREAMS_H

/*
 * Streams to the daemon of the machine, some of them open before anybody asks:
 * a request then costs one round trip, not two.
 *
 * A spare that dies is replaced in the background; one that grows old is, too,
 * before the daemon closes it for its idleness.  Where the machine refuses to
 * forward sockets, streams are made by a command that relays (`berthd stdio'),
 * from the first refusal on.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "link/pump.h"

struct streams;
struct transport;
struct uv_loop_s;

struct streams_config {
	struct uv_loop_s *loop;
	struct transport *transport;
	struct traffic *traffic;
	const char *socket; /* of the daemon there; copied */
	const char *binary; /* of berthd there; copied */
	const char *home;   /* its BERTH_HOME, or NULL; copied */

	/* Sockets were forwarded before, and now nobody answers. */
	void (*on_absent)(const struct err *why, void *owner);
	void *owner;
};

/* No spares are opened before the first was taken. */
struct streams *streams_new(const struct streams_config *config);
void streams_free(struct streams *streams);

/* A pump, open or opening; the caller's. */
struct pump *streams_take(struct streams *streams,
			  const struct pump_events *events, void *owner,
			  struct err *err);

/* It was used and is as good as new: keep it as a spare. */
void streams_give(struct streams *streams, struct pump *pump);

/* A pump that was taken did not open: the next may be made in another way. */
void streams_refused(struct streams *streams, const struct err *why);

/* Do sockets there open for us?  False until one has. */
bool streams_are_forwarded(const struct streams *streams);

/* Of the daemon there. */
const char *streams_socket(const struct streams *streams);

size_t streams_n_spare(const struct streams *streams);

#endif
