/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_METER_H
#define BERTH_LINK_METER_H

/*
 * What goes over a connection, counted: bytes, their rate, the round trip, and
 * whether something was said that nobody answered yet.
 */

#include <stdbool.h>
#include <stdint.h>

enum meter_direction { METER_IN, METER_OUT };

struct meter {
	uint64_t bytes[2];
	uint64_t rtt_us; /* smoothed; 0: not known */

	uint64_t window_ms; /* when the current second began */
	uint64_t window_bytes[2];
	uint64_t rate[2]; /* bytes per second, smoothed */

	uint64_t heard_ms; /* when the machine last gave a sign of life */
	uint64_t asked_ms; /* since when an answer is waited for; 0: none */

	/* Something was sent after silence.  May be NULL. */
	void (*on_asked)(void *owner);
	void *owner;
};

void meter_sent(struct meter *meter, uint64_t now_ms, uint64_t n);
void meter_received(struct meter *meter, uint64_t now_ms, uint64_t n);
void meter_pong(struct meter *meter, uint64_t now_ms, uint64_t us);

/* The machine has taken some of what was sent. */
void meter_taken(struct meter *meter, uint64_t now_ms);

/* Bytes per second of late; falls to nothing in silence. */
uint64_t meter_rate(struct meter *meter, uint64_t now_ms,
		    enum meter_direction direction);

#endif
