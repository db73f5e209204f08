/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_METER_H
#define BERTH_LINK_METER_H

/*
 * What goes over a connection, counted: bytes, their rate, the round trip,
 * whether something was said that nobody answered yet, and how much may be on
 * its way before an answer.
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

	/* Of bytes[METER_OUT], those that had gone before ... */
	uint64_t pinged; /* the last question for a sign of life */
	uint64_t sure;	 /* the last one that was answered */

	/* A machine takes much in steps: it says when it has room again. */
	uint64_t taken_ms; /* when it last did, or the first step began */
	uint64_t step_ms;  /* how long they take of late; 0: not known */

	/* Something was sent after silence.  May be NULL. */
	void (*on_asked)(void *owner);
	void *owner;
};

void meter_sent(struct meter *meter, uint64_t now_ms, uint64_t n);
void meter_received(struct meter *meter, uint64_t now_ms, uint64_t n);

/* A new connection, on which nothing is on its way. */
void meter_begin(struct meter *meter, uint64_t now_ms);

/* The machine is asked for a sign of life; it gave it. */
void meter_ping(struct meter *meter);
void meter_pong(struct meter *meter, uint64_t now_ms, uint64_t us);

/* The machine has taken some of what was sent. */
void meter_taken(struct meter *meter, uint64_t now_ms);

/* It lives, as somebody else has seen. */
void meter_heard(struct meter *meter, uint64_t now_ms);

/*
 * For how long there may be no sign of life from a machine that is busy taking
 * what is on its way to it.
 */
uint64_t meter_busy_ms(const struct meter *meter, uint64_t now_ms);

/* Bytes per second of late; falls to nothing in silence. */
uint64_t meter_rate(struct meter *meter, uint64_t now_ms,
		    enum meter_direction direction);

#endif
