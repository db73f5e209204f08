/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_LINK_TRANSPORT_RIG_H
#define BERTH_TESTS_LINK_TRANSPORT_RIG_H

/*
 * A loop with one transport, its channels, and notes of what they were told.
 *
 * What a callback may never do (come twice, or after the last one) is asserted
 * here, for all tests.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/buf.h"
#include "core/err.h"
#include "link/transport.h"

struct transport_place;

#define PATIENCE_MS 20000

struct rig {
	uv_loop_t loop;
	uv_timer_t patience;
	bool is_late;
	struct transport *t;
	unsigned n_up, n_lost, n_down, n_pongs;
	int n_forwarded;
	struct err forward_err;
	uint64_t pong_us;
	struct err down;
	unsigned n_ends; /* whose on_close has not come */
};

/* One channel and what it was told. */
struct end {
	struct rig *rig;
	struct channel *ch;
	struct buf out, err_out;
	size_t n_bytes; /* counted only, if it keeps nothing */
	bool keeps_nothing;
	unsigned n_open, n_eof, n_exit, n_close, n_drain, n_taken;
	int code;
	char signal[32];
	struct err err;
	bool has_err;
	/* Done within on_data. */
	bool pauses, closes;
};

/* The loop turns until `condition' holds; the test fails when it never does. */
#define until(rig, condition)                                                  \
	do {                                                                   \
		uv_timer_start(&(rig)->patience, rig_on_late, PATIENCE_MS, 0); \
		while (!(condition) && !(rig)->is_late)                        \
			uv_run(&(rig)->loop, UV_RUN_ONCE);                     \
		uv_timer_stop(&(rig)->patience);                               \
		if (!(condition))                                              \
			fail_msg("waited in vain for: %s", #condition);        \
	} while (0)

void rig_on_late(uv_timer_t *timer);

/* Let happen what can happen without us. */
void rig_turn_idly(struct rig *rig);

/* A transport that is not up yet; and one that is. */
void rig_make(struct rig *rig, const struct transport_place *place);
void rig_start(struct rig *rig, const struct transport_place *place);
void rig_stop(struct rig *rig);

/* Open a channel; the first leaves it paused. */
void end_open_paused(struct rig *rig, struct end *e,
		     const struct channel_spec *spec);
void end_open(struct rig *rig, struct end *e, const struct channel_spec *spec);
void end_run(struct rig *rig, struct end *e, const char *command);
void end_fini(struct end *e);

/* Closed in order; after an exit with `code'. */
void end_assert_exited(const struct end *e, int code);

#endif
