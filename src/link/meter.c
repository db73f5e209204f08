/* SPDX-License-Identifier: ISC */

/* Counting; see meter.h. */

#include "core/macros.h"
#include "link/meter.h"

#define WINDOW_MS 1000

/* A window of silence halves the rate; so many make it nothing. */
#define MAX_WINDOWS 32

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

void
meter_sent(struct meter *meter, uint64_t now_ms, uint64_t n)
{
	bool was_asked = meter->asked_ms != 0;

	count(meter, now_ms, METER_OUT, n);
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
meter_pong(struct meter *meter, uint64_t now_ms, uint64_t us)
{
	us = MAX(us, 1);
	meter->rtt_us = meter->rtt_us ? (7 * meter->rtt_us + us) / 8 : us;
	meter->heard_ms = now_ms;
	meter->asked_ms = 0;
}

void
meter_taken(struct meter *meter, uint64_t now_ms)
{
	meter->heard_ms = now_ms;
}

uint64_t
meter_rate(struct meter *meter, uint64_t now_ms, enum meter_direction direction)
{
	advance(meter, now_ms);
	return meter->rate[direction];
}
