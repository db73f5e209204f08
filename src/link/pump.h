/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_PUMP_H
#define BERTH_LINK_PUMP_H

/*
 * A channel to the machine and, once it is joined, the connection of a client:
 * what one says the other hears, at the pace of the slower, each end for
 * itself.
 *
 * Alone, a pump hands what it hears to its owner.  Joined, it needs no one
 * until it ends.  The owner frees it in on_end or at any time.  Nothing is
 * called back from inside a function of this header but traffic_cut.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/list.h"
#include "link/meter.h"

struct channel_spec;
struct pump;
struct stream;
struct transport;

/* What all pumps of a connection have in common. */
struct traffic {
	struct meter meter;
	struct list pumps;
};

void traffic_init(struct traffic *traffic);

/* The transport is gone with its channels: all pumps end, with `why'. */
void traffic_cut(struct traffic *traffic, const struct err *why);

struct pump_events {
	/* The machine has opened the channel.  May be NULL. */
	void (*on_open)(struct pump *, void *owner);

	/* Before it is joined; `n' 0 is the end. */
	void (*on_data)(struct pump *, const void *bytes, size_t n,
			void *owner);

	/*
	 * Over: `err' is NULL if the channel was closed in order or the client
	 * has gone.  The client's connection is still there if it did not go.
	 */
	void (*on_end)(struct pump *, const struct err *err, void *owner);
};

/* `traffic' is borrowed until the end. */
struct pump *pump_open(struct transport *transport,
		       const struct channel_spec *spec, struct traffic *traffic,
		       const struct pump_events *events, void *owner,
		       struct err *err);

/* Close what is open, on both sides. */
void pump_free(struct pump *pump);

/* Another owner from now on. */
void pump_own(struct pump *pump, const struct pump_events *events, void *owner);

/* Has the channel opened? */
bool pump_is_open(const struct pump *pump);

/* Has nothing been said, by either side? */
bool pump_is_untouched(const struct pump *pump);

/* Has the machine said something? */
bool pump_is_answered(const struct pump *pump);

/* Alone: say something. */
void pump_write(struct pump *pump, const void *bytes, size_t n);

/* The channel is open: relay.  `client' is taken, and paused. */
void pump_join(struct pump *pump, struct stream *client);

/* The same for a command, whose client speaks in frames (wire/duplex.h). */
void pump_join_framed(struct pump *pump, struct stream *client);

/* The client's connection, paused and without events, or NULL. */
struct stream *pump_take_client(struct pump *pump);

#endif
