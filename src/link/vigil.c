/* SPDX-License-Identifier: ISC */

/* Signs of life; see vigil.h. */

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/macros.h"
#include "link/meter.h"
#include "link/vigil.h"

/* An answer that takes longer is worth a question; most take a round trip. */
#define ANSWER_MS 2000

/* A sign of life comes within a round trip; a bad radio link needs seconds. */
#define SIGN_MS 3000
#define SIGN_ROUND_TRIPS 8
#define MAX_SIGN_MS 20000

/* More than a busy machine delays a timer. */
#define SLEPT_MS 2000

bool
vigil_has_slept(uint64_t from_ns, uint64_t to_ns, uint64_t waited_ms)
{
	return to_ns > from_ns + (waited_ms + SLEPT_MS) * NS_PER_MS;
}

static void on_deadline(uv_timer_t *timer);

static void
wait_on(struct vigil *v, uint64_t ms)
{
	v->waits_ns = clock_boot_ns();
	v->waits_ms = ms;
	uv_update_time(v->config.loop);
	uv_timer_start(&v->deadline, on_deadline, ms, 0);
}

/* From a question, or a sign of life, to the end. */
static uint64_t
patience(const struct vigil *v)
{
	const struct meter *meter = v->config.meter;
	uint64_t ms = meter->rtt_us * SIGN_ROUND_TRIPS / 1000;

	ms = MAX(ms, SIGN_MS + meter_busy_ms(meter, clock_mono_ms()));
	return MIN(MAX(ms, v->least_ms), (uint64_t)MAX_SIGN_MS);
}

static void
on_deadline(uv_timer_t *timer)
{
	struct vigil *v = container_of(timer, struct vigil, deadline);
	const struct vigil_config *config = &v->config;
	uint64_t silent_ms = clock_mono_ms() - config->meter->heard_ms;

	if (silent_ms < patience(v)) {
		wait_on(v, patience(v) - silent_ms);
		return;
	}
	v->is_probing = false;
	if (vigil_has_slept(v->waits_ns, clock_boot_ns(), v->waits_ms)) {
		vigil_probe(v);
		return;
	}
	v->is_watching = false;
	config->on_dead(silent_ms, config->owner);
}

void
vigil_probe(struct vigil *v)
{
	if (v->is_probing || !v->is_watching)
		return;
	v->is_probing = true;
	wait_on(v, patience(v));
	v->config.ping(v->config.owner);
}

void
vigil_be_patient(struct vigil *v, uint64_t ms)
{
	v->least_ms = ms;
}

void
vigil_pong(struct vigil *v)
{
	v->is_probing = false;
	uv_timer_stop(&v->deadline);
}

static void
on_answer_due(uv_timer_t *timer)
{
	struct vigil *v = container_of(timer, struct vigil, answer);

	if (v->config.meter->asked_ms != 0)
		vigil_probe(v);
}

void
vigil_asked(struct vigil *v)
{
	if (v->is_watching && !uv_is_active((uv_handle_t *)&v->answer))
		uv_timer_start(&v->answer, on_answer_due, ANSWER_MS, 0);
}

static void
on_tick(uv_poll_t *ticks, int status UNUSED, int events UNUSED)
{
	struct vigil *v = container_of(ticks, struct vigil, ticks);
	const struct vigil_config *config = &v->config;
	uint64_t now = clock_boot_ns(), n;
	bool slept = vigil_has_slept(v->ticked_ns, now, config->keep_alive_ms);

	if (read(v->fd, &n, sizeof(n)) < 0)
		return;
	v->ticked_ns = now;
	vigil_probe(v);
	if (slept)
		config->on_wake(config->owner);
}

void
vigil_init(struct vigil *v, const struct vigil_config *config)
{
	const struct timespec every = {
		.tv_sec = (time_t)(config->keep_alive_ms / 1000),
		.tv_nsec = (long)(config->keep_alive_ms % 1000 * NS_PER_MS),
	};
	const struct itimerspec when = { .it_value = every,
					 .it_interval = every };

	*v = (struct vigil){ .config = *config, .ticked_ns = clock_boot_ns() };
	uv_timer_init(config->loop, &v->answer);
	uv_timer_init(config->loop, &v->deadline);
	v->fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (v->fd < 0)
		abort();
	(void)timerfd_settime(v->fd, 0, &when, NULL);
	uv_poll_init(config->loop, &v->ticks, v->fd);
	uv_poll_start(&v->ticks, UV_READABLE, on_tick);
}

void
vigil_fini(struct vigil *v, uv_close_cb on_closed, void *owner)
{
	uv_handle_t *const handles[VIGIL_HANDLES] = {
		(uv_handle_t *)&v->answer,
		(uv_handle_t *)&v->deadline,
		(uv_handle_t *)&v->ticks,
	};

	for (int i = 0; i < VIGIL_HANDLES; i++) {
		handles[i]->data = owner;
		uv_close(handles[i], on_closed);
	}
	close(v->fd);
}

void
vigil_watch(struct vigil *v, bool on)
{
	v->is_watching = on;
	if (on)
		return;
	v->is_probing = false;
	uv_timer_stop(&v->deadline);
	uv_timer_stop(&v->answer);
}
