/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_VIGIL_H
#define BERTH_LINK_VIGIL_H

/*
 * Watching over a connection that may be dead without saying so.
 *
 * Every so often, when an answer is overdue, and at once when this host slept
 * or this process was stopped, the other side is asked for a sign of life.
 * Without one within seconds the connection is given up.  On a slow line the
 * answer waits behind all that is being sent; so as long as the machine sends
 * something or takes something, the seconds begin anew, and there are more of
 * them while much is on its way (meter.h).
 *
 * Time is counted by the clock that runs on in sleep; a deadline that was
 * slept through is no deadline, so then it is asked once more.
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct meter;

struct vigil_config {
	struct uv_loop_s *loop;
	uint64_t keep_alive_ms;
	const struct meter *meter;
	void (*ping)(void *owner); /* vigil_pong follows, or not */
	void (*on_dead)(uint64_t silent_ms, void *owner);
	void (*on_wake)(void *owner); /* we slept, or were stopped */
	void *owner;
};

struct vigil {
	struct vigil_config config;
	int fd; /* a timer that sleep does not stop */
	uv_poll_t ticks;
	uv_timer_t answer, deadline;
	bool is_watching; /* a connection */
	bool is_probing;
	uint64_t ticked_ns;
	uint64_t least_ms;	     /* of patience */
	uint64_t waits_ns, waits_ms; /* since when, and how long */
};

void vigil_init(struct vigil *vigil, const struct vigil_config *config);

/* `on_closed' is called for each of its handles, with `owner' as data. */
#define VIGIL_HANDLES 3
void vigil_fini(struct vigil *vigil, uv_close_cb on_closed, void *owner);

/* There is a connection to watch, or none. */
void vigil_watch(struct vigil *vigil, bool on);

/* A sign of life. */
void vigil_pong(struct vigil *vigil);

/* Something was asked: an answer is due. */
void vigil_asked(struct vigil *vigil);

/* Ask for a sign of life now. */
void vigil_probe(struct vigil *vigil);

/* Wait for a sign for so long at least; 0: as ever. */
void vigil_be_patient(struct vigil *vigil, uint64_t ms);

/*
 * Did much more time go by than was waited for?  In nanoseconds since boot.
 */
bool vigil_has_slept(uint64_t from_ns, uint64_t to_ns, uint64_t waited_ms);

#endif
