/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_CARRIER_H
#define BERTHD_SESSION_CARRIER_H

/*
 * The connection of a viewer, by one of two protocols: frames of wire/duplex.h
 * for berth, WebSocket for browsers (binary messages are the terminal's bytes,
 * text messages are {"type":"resize","cols","rows"} and {"type":"detach"}).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/duplex.h"

struct carrier;
struct http_exchange;
struct stream;
struct ws;

struct carrier_events {
	/* Input; may be of no bytes. */
	void (*on_input)(void *owner, const void *bytes, size_t n);
	void (*on_resize)(void *owner, uint64_t cols, uint64_t rows);
	void (*on_detach)(void *owner);
	void (*on_drain)(void *owner);
	/* Once, and last: it broke, or its peer left. */
	void (*on_gone)(void *owner);
};

struct carrier {
	const struct carrier_events *events;
	void *owner;
	struct stream *stream; /* one of these two, while it stands */
	struct ws *ws;
	struct duplex duplex;
};

/* Is an upgrade to one of the two asked for? */
bool carrier_is_wanted(const struct http_exchange *x);

/*
 * Upgrade; the exchange is gone, and nothing is read until carrier_resume.
 */
void carrier_open(struct carrier *carrier, struct http_exchange *x,
		  const struct carrier_events *events, void *owner);

/* Drop it now; no event follows.  More than once is allowed. */
void carrier_close(struct carrier *carrier);

/* The memory of one that is closed. */
void carrier_fini(struct carrier *carrier);

/* Say this last, and close once it has left; on_gone may come from within. */
void carrier_finish(struct carrier *carrier, const void *json, size_t n);

/* True: stop until on_drain. */
bool carrier_output(struct carrier *carrier, const void *bytes, size_t n);
void carrier_start(struct carrier *carrier, const void *json, size_t n);

void carrier_pause(struct carrier *carrier);
void carrier_resume(struct carrier *carrier);

#endif
