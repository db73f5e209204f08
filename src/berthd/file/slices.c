/* SPDX-License-Identifier: ISC */

/*
 * A stream of slices; see slices.h.
 *
 * The idle handle is active as long as a slice may be made: from the start, but
 * not while the exchange is full, up to the end or a failure.  Closing it is
 * the last that happens.
 */

#include "core/macros.h"
#include "http/server.h"
#include "berthd/file/slices.h"

static void
on_closed(uv_handle_t *handle)
{
	struct slices *s = container_of((uv_idle_t *)handle, struct slices,
					idle);

	buf_fini(&s->out);
	s->events->on_gone(s);
}

static void
on_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct slices *s = owner;

	uv_close((uv_handle_t *)&s->idle, on_closed);
}

static void
end(struct slices *s, const struct err *err)
{
	uv_idle_stop(&s->idle);
	if (s->events->on_end)
		s->events->on_end(s, err);
	if (err)
		http_exchange_abort(s->x);
	else
		http_reply_end(s->x);
}

static void
on_idle(uv_idle_t *idle)
{
	struct slices *s = container_of(idle, struct slices, idle);
	struct err err = ERR_INIT;
	bool is_full;
	int rc;

	buf_clear(&s->out);
	rc = s->events->make(s, &err);
	if (rc < 0) {
		end(s, &err);
		return;
	}
	is_full = s->out.len > 0 &&
		  http_reply_write(s->x, buf_bytes(&s->out), s->out.len);
	if (rc == 0)
		end(s, NULL);
	else if (is_full)
		uv_idle_stop(idle);
}

static void
on_drain(struct http_exchange *x UNUSED, void *owner)
{
	struct slices *s = owner;

	uv_idle_start(&s->idle, on_idle);
}

void
slices_init(struct slices *s, struct http_exchange *x, uv_loop_t *loop,
	    size_t max, const struct slices_events *events)
{
	s->x = x;
	s->events = events;
	buf_init(&s->out, max);
	uv_idle_init(loop, &s->idle);
	http_exchange_own(x, s, on_gone);
}

void
slices_start(struct slices *s, const char *type)
{
	http_reply_on_drain(s->x, on_drain);
	http_reply_start(s->x, 200, type, -1);
	uv_idle_start(&s->idle, on_idle);
}
