/* SPDX-License-Identifier: ISC */

/* Counting; see meter.h. */

#include "core/macros.h"
#include "link/meter.h"

#define WINDOW_MS 1000

/* A window of silence halves the rate; so many make it nothing. */
#define MAX_WINDOWS 32

/* What is less is there soon; sshd's steps are of 96 KiB. */
#define MUCH (16u << 10)

/* The next step may take so many times as long: no line is even. */
#define UNEVEN 4

/* One of sshd's at 10 kB/s. */
#define LONGEST_STEP_MS 9000

/* Close the windows that are over. */
static void
advance(struct meter *meter, uint64_t now_ms)
{
	if (meter->window_ms == 0)
		meter->window_ms = now_ms;
	for (int i = 0; now_ms - meter->window_ms >= WINDOW_MS; i++) {
		if (i == MAX_WINDOWS) {
			meter->window_ms = now_ms;
			return;
		}
		for (int d = 0; d < 2; d++) {
			meter->rate[d] =
			    (meter->rate[d] + meter->window_bytes[d]) / 2;
			meter->window_bytes[d] = 0;
		}
		meter->window_ms += WINDOW_MS;
	}
}

static void
count(struct meter *meter, uint64_t now_ms, enum meter_direction direction,
      uint64_t n)
{
	advance(meter, now_ms);
	meter->bytes[direction] += n;
	meter->window_bytes[direction] += n;
}

static uint64_t
on_its_way(const struct meter *meter)
{
	return meter->bytes[METER_OUT] - meter->sure;
}

/* For how long after a step the next one may come, if there is one. */
static uint64_t
next_step_ms(const struct meter *meter)
{
	uint64_t most = LONGEST_STEP_MS;

	return meter->step_ms ? MIN(UNEVEN * meter->step_ms, most) : most;
}

/* An answer may have overtaken what waits for room. */
static bool
is_busy(const struct meter *meter, uint64_t now_ms)
{
	return on_its_way(meter) >= MUCH ||
	       (meter->taken_ms > 0 &&
		now_ms - meter->taken_ms < next_step_ms(meter));
}

void
meter_begin(struct meter *meter, uint64_t now_ms)
{
	meter->sure = meter->pinged = meter->bytes[METER_OUT];
	meter->step_ms = meter->taken_ms = 0;
	meter_heard(meter, now_ms);
}

/* Begin to send much: the line may be another one since it was last used. */
static void
begin_busy(struct meter *meter, uint64_t now_ms)
{
	meter->taken_ms = now_ms;
	meter->step_ms = 0;
}

void
meter_sent(struct meter *meter, uint64_t now_ms, uint64_t n)
{
	bool was_asked = meter->asked_ms != 0;
	bool was_busy = is_busy(meter, now_ms);

	count(meter, now_ms, METER_OUT, n);
	if (!was_busy && is_busy(meter, now_ms))
		begin_busy(meter, now_ms);
	if (was_asked)
		return;
	meter->asked_ms = now_ms;
	if (meter->on_asked)
		meter->on_asked(meter->owner);
}

void
meter_received(struct meter *meter, uint64_t now_ms, uint64_t n)
{
	count(meter, now_ms, METER_IN, n);
	meter->heard_ms = now_ms;
	meter->asked_ms = 0;
}

void
meter_ping(struct meter *meter)
{
	meter->pinged = meter->bytes[METER_OUT];
}

void
meter_pong(struct meter *meter, uint64_t now_ms, uint64_t us)
{
	us = MAX(us, 1);
	meter->sure = meter->pinged;
	meter->rtt_us = meter->rtt_us ? (7 * meter->rtt_us + us) / 8 : us;
	meter->heard_ms = now_ms;
	meter->asked_ms = 0;
}

/* A long step is known at once, and forgotten over twice that time. */
void
meter_taken(struct meter *meter, uint64_t now_ms)
{
	uint64_t ms = MAX(now_ms - meter->taken_ms, 1);

	if (is_busy(meter, now_ms)) {
		meter->step_ms -= MIN(meter->step_ms, ms / 2);
		meter->step_ms = MAX(meter->step_ms, ms);
	}
	meter->taken_ms = now_ms;
	meter_heard(meter, now_ms);
}

void
meter_heard(struct meter *meter, uint64_t now_ms)
{
	meter->heard_ms = now_ms;
}

uint64_t
meter_busy_ms(const struct meter *meter, uint64_t now_ms)
{
	return is_busy(meter, now_ms) ? next_step_ms(meter) : 0;
}

uint64_t
meter_rate(struct meter *meter, uint64_t now_ms, enum meter_direction direction)
{
	advance(meter, now_ms);
	return meter->rate[direction];
}
