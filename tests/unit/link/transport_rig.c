/* SPDX-License-Identifier: ISC */

/* See transport_rig.h. */

#include "tests/unit/link/transport_rig.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/unit/link/transport_suite.h"

/* --- the loop --------------------------------------------------------------
 */

void
rig_on_late(uv_timer_t *timer)
{
	container_of(timer, struct rig, patience)->is_late = true;
}

static void
on_turn_over(uv_timer_t *timer)
{
}

void
rig_turn_idly(struct rig *rig)
{
	uv_timer_start(&rig->patience, on_turn_over, 100, 0);
	while (uv_is_active((uv_handle_t *)&rig->patience))
		uv_run(&rig->loop, UV_RUN_ONCE);
}

static void
on_prompt(struct transport *t, const struct prompt *p, void *owner)
{
	t->ops->answer(t, NULL);
}

static void
on_up(struct transport *t, void *owner)
{
	((struct rig *)owner)->n_up++;
}

static void
on_lost(struct transport *t, void *owner)
{
	struct rig *rig = owner;

	assert_int_equal(rig->n_lost++, 0);
	assert_int_equal(rig->n_down, 0);
}

static void
on_down(struct transport *t, const struct err *why, void *owner)
{
	struct rig *rig = owner;

	rig->n_down++;
	rig->down = *why;
}

static const struct transport_events transport_events = {
	.on_prompt = on_prompt,
	.on_up = on_up,
	.on_lost = on_lost,
	.on_down = on_down,
};

void
rig_make(struct rig *rig, const struct transport_place *place)
{
	struct err err = ERR_INIT;
	const struct transport_config config = {
		.loop = &rig->loop,
		.machine = place->machine,
		.directory = place->directory,
		.events = &transport_events,
		.owner = rig,
	};

	*rig = (struct rig){ .down = ERR_INIT };
	uv_loop_init(&rig->loop);
	uv_timer_init(&rig->loop, &rig->patience);
	rig->t = place->ops->new (&config, &err);
	if (rig->t == NULL)
		fail_msg("%s", err.msg);
	assert_int_equal(rig->n_up + rig->n_down, 0);
}

void
rig_start(struct rig *rig, const struct transport_place *place)
{
	rig_make(rig, place);
	until(rig, rig->n_up || rig->n_down);
	if (rig->n_down)
		fail_msg("%s", rig->down.msg);
}

void
rig_stop(struct rig *rig)
{
	if (rig->t)
		rig->t->ops->free(rig->t);
	uv_close((uv_handle_t *)&rig->patience, NULL);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
}

/* --- channels --------------------------------------------------------------
 */

static void
on_open(struct channel *ch, void *owner)
{
	struct end *e = owner;

	assert_int_equal(e->n_close, 0);
	e->n_open++;
}

static void
on_data(struct channel *ch, int fd, const void *bytes, size_t n, void *owner)
{
	struct end *e = owner;

	assert_int_equal(e->n_open, 1);
	assert_int_equal(e->n_eof + e->n_close, 0);
	assert_true(n > 0);
	e->n_bytes += n;
	if (!e->keeps_nothing)
		buf_add(fd == 2 ? &e->err_out : &e->out, bytes, n);
	if (e->pauses)
		ch->ops->pause(ch);
	if (e->closes) {
		ch->ops->close(ch);
		e->ch = NULL;
	}
}

static void
on_eof(struct channel *ch, void *owner)
{
	((struct end *)owner)->n_eof++;
}

static void
on_taken(struct channel *ch UNUSED, void *owner)
{
	((struct end *)owner)->n_taken++;
}

static void
on_drain(struct channel *ch, void *owner)
{
	((struct end *)owner)->n_drain++;
}

static void
on_exit_(struct channel *ch, int code, const char *signal, void *owner)
{
	struct end *e = owner;

	e->n_exit++;
	e->code = code;
	if (signal)
		snprintf(e->signal, sizeof(e->signal), "%s", signal);
}

static void
on_close(struct channel *ch, const struct err *err, void *owner)
{
	struct end *e = owner;

	assert_int_equal(e->n_close++, 0);
	assert_int_equal(e->rig->n_down, 0);
	e->rig->n_ends--;
	e->ch = NULL;
	e->has_err = err != NULL;
	if (err)
		e->err = *err;
}

static const struct channel_events channel_events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_eof = on_eof,
	.on_drain = on_drain,
	.on_taken = on_taken,
	.on_exit = on_exit_,
	.on_close = on_close,
};

void
end_open_paused(struct rig *rig, struct end *e, const struct channel_spec *spec)
{
	struct err err = ERR_INIT;

	*e = (struct end){ .rig = rig };
	buf_init(&e->out, SIZE_MAX - 1);
	buf_init(&e->err_out, SIZE_MAX - 1);
	e->ch = rig->t->ops->open(rig->t, spec, &channel_events, e, &err);
	if (e->ch == NULL)
		fail_msg("%s", err.msg);
	rig->n_ends++;
	assert_int_equal(e->n_open + e->n_close, 0);
}

void
end_open(struct rig *rig, struct end *e, const struct channel_spec *spec)
{
	end_open_paused(rig, e, spec);
	e->ch->ops->resume(e->ch);
}

void
end_run(struct rig *rig, struct end *e, const char *command)
{
	end_open(
	    rig, e,
	    &(struct channel_spec){ .kind = CHANNEL_COMMAND, .what = command });
}

void
end_fini(struct end *e)
{
	buf_fini(&e->out);
	buf_fini(&e->err_out);
}

void
end_assert_exited(const struct end *e, int code)
{
	if (e->has_err)
		fail_msg("%s", e->err.msg);
	assert_int_equal(e->n_open, 1);
	assert_int_equal(e->n_exit, 1);
	assert_int_equal(e->code, code);
	assert_string_equal(e->signal, "");
}
