/* SPDX-License-Identifier: ISC */

/*
 * A body taken in slices; see intake.h.
 *
 * Paused and active idle handle are one state.  What comes after a failure is
 * thrown away, and the handle is never active again.
 */

#include "core/macros.h"
#include "http/server.h"
#include "berthd/file/intake.h"

/* The most that one piece of a body can be. */
#define MAX_PIECE (1u << 20)

static void
on_closed(uv_handle_t *handle)
{
	struct intake *t = container_of((uv_idle_t *)handle, struct intake,
					idle);

	buf_fini(&t->in);
	t->events->on_gone(t);
}

static void
on_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct intake *t = owner;

	uv_close((uv_handle_t *)&t->idle, on_closed);
}

static bool
is_paused(const struct intake *t)
{
	return uv_is_active((const uv_handle_t *)&t->idle);
}

static void
go_on_reading(struct intake *t)
{
	if (!is_paused(t))
		return;
	uv_idle_stop(&t->idle);
	http_exchange_resume(t->x);
}

static void
fail(struct intake *t, const struct err *err)
{
	refusal_make(&t->refusal, err);
	t->events->on_failed(t, err);
	buf_fini(&t->in);
	if (t->is_ended)
		refusal_take(&t->refusal, t->x, 0);
	go_on_reading(t);
}

static void
finish(struct intake *t)
{
	struct err err = ERR_INIT;

	if (t->events->finish(t, &err) < 0)
		fail(t, &err);
	else
		uv_idle_stop(&t->idle);
}

static void on_idle(uv_idle_t *);

/* One slice of work, and what follows from how far it got. */
static void
work(struct intake *t)
{
	struct err err = ERR_INIT;
	int rc = t->events->work(t, &err);

	if (rc < 0) {
		fail(t, &err);
	} else if (rc > 0) {
		http_exchange_pause(t->x);
		uv_idle_start(&t->idle, on_idle);
	} else if (t->is_ended) {
		finish(t);
	} else {
		go_on_reading(t);
	}
}

static void
on_idle(uv_idle_t *idle)
{
	work(container_of(idle, struct intake, idle));
}

static void
on_data(struct http_exchange *x, const void *bytes, size_t n, void *owner)
{
	struct intake *t = owner;
	struct err err = ERR_INIT;

	if (t->refusal.is_made) {
		refusal_take(&t->refusal, x, n);
		return;
	}
	t->is_ended = n == 0;
	if (buf_add(&t->in, bytes, n) < 0) {
		err_set(&err, ERR_LIMIT, "too much body at once");
		fail(t, &err);
	} else if (n > 0) {
		work(t);
	} else if (!is_paused(t)) {
		finish(t);
	}
}

void
intake_start(struct intake *t, struct http_exchange *x, uv_loop_t *loop,
	     size_t max_left, const struct intake_events *events)
{
	t->x = x;
	t->events = events;
	buf_init(&t->in, MAX_PIECE + max_left);
	uv_idle_init(loop, &t->idle);
	http_exchange_own(x, t, on_gone);
	http_exchange_read(x, on_data);
}
