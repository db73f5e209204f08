/* SPDX-License-Identifier: ISC */

/*
 * A resumable stream of output; see exec_stream.h.
 *
 * One call at a time is under way, or a timer until the next.  A new call asks
 * from behind what has been handed on (exec_stream_take.c).
 *
 * Started implies that the id is known: a start is then never sent again.
 */

#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/rand.h"
#include "core/text.h"
#include "wire/errors.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_json.h"
#include "client/exec_stream.h"
#include "client/exec_stream_own.h"
#include "client/target.h"

/* berthd says something every 15 s; three times that is silence. */
#define SILENCE_MS 45000

/* The first attempt comes at once, the others by doubling up to this. */
#define FIRST_PAUSE_MS 50
#define MAX_PAUSE_MS 5000
#define GIVE_UP_MS 60000

#define MAX_REQUEST (16u << 20)

/*
 * After so much, and more under way, a shorter way is worth what is lost of
 * the one that was taken.
 */
#define MUCH (1u << 20)

static void on_timer(uv_timer_t *timer);
static int start_call(struct exec_stream *s, struct err *err);
static void move(struct exec_stream *s, struct client_call *call);

static bool
is_follow(const struct exec_stream *s)
{
	return s->is_start || s->view.follow;
}

static void
on_head(struct client_call *call UNUSED, const struct http_head *head,
	void *owner)
{
	struct exec_stream *s = owner;
	const char *type = http_head_find(head, "Content-Type");

	if (type && str_starts(type, FRAMES_TYPE))
		s->answer = ANSWER_FRAMES;
	else if (type && strstr(type, "json"))
		s->answer = ANSWER_EVENTS;
	else
		s->answer = ANSWER_TEXT;
	frames_reset(&s->frames);
	lines_reset(&s->lines);
	if (s->broken_ms != 0)
		s->events->on_broken(NULL, s->owner);
	s->broken_ms = 0;
	s->has_worked = true;
	if (s->answer == ANSWER_FRAMES && is_follow(s))
		uv_timer_start(&s->timer, on_timer, SILENCE_MS, SILENCE_MS);
}

/* Tell the owner; the stream may be gone afterwards. */
static void
end_stream(struct exec_stream *s)
{
	bool failed = s->err.code != ERR_NONE;

	uv_timer_stop(&s->timer);
	s->events->on_end(s->is_over ? &s->result : NULL,
			  failed ? &s->err : NULL, s->owner);
}

static void
on_data(struct client_call *call, const void *bytes, size_t n, void *owner)
{
	struct exec_stream *s = owner;
	int rc = 0;

	if (uv_is_active((uv_handle_t *)&s->timer))
		uv_timer_again(&s->timer);
	if (s->answer == ANSWER_FRAMES)
		rc = frames_feed(&s->frames, bytes, n, &s->err);
	else if (s->answer == ANSWER_EVENTS)
		rc = lines_feed(&s->lines, bytes, n, &s->err);
	else
		s->events->on_bytes(s->view.streams == 2, bytes, n, s->owner);
	if (rc == 0) {
		if (!s->is_bulk && s->n_bytes >= MUCH)
			move(s, call);
		return;
	}
	s->call = NULL;
	client_call_cancel(call);
	end_stream(s);
}

/*
 * Can the rest be asked for?  Only of a daemon that speaks of offsets, and not
 * of a view with an end: what is left of that is not known.
 */
static bool
can_resume(const struct exec_stream *s)
{
	const struct exec_view *view = &s->view;

	if (!s->is_berthd || view->head != UINT64_MAX ||
	    view->head_lines != UINT64_MAX || view->max_bytes != UINT64_MAX)
		return false;
	if (s->is_start || !s->has_worked)
		return true;
	return s->answer == (s->asks_events ? ANSWER_EVENTS : ANSWER_FRAMES);
}

static uint64_t
pause_of(unsigned n_attempts)
{
	uint64_t ms = FIRST_PAUSE_MS << MIN(n_attempts, 7u);
	uint8_t spread;

	if (n_attempts == 0)
		return 0;
	rand_bytes(&spread, sizeof(spread));
	ms = MIN(ms, MAX_PAUSE_MS);
	return ms - ms * spread / 1024;
}

/* The call ended before the exec did: come again, or give up. */
static void
come_again(struct exec_stream *s, const struct err *why)
{
	uint64_t now = clock_mono_ms();
	/* A link knows better when to give up, and says so. */
	bool is_linked = client_reach(s->client)->is_linked;
	/* ERR_REMOTE without a call: a daemon died while it started. */
	bool may_help = error_is_retryable(why) ||
			(why->code == ERR_REMOTE && !s->was_answered);

	if (!may_help || !can_resume(s) ||
	    (!is_linked && s->broken_ms != 0 &&
	     now - s->broken_ms > GIVE_UP_MS)) {
		s->err = *why;
		end_stream(s);
		return;
	}
	log_debug("client", "stream broke", KV_STR("id", s->id), KV_ERR(why),
		  KV_INT("attempt", s->n_attempts));
	if (s->broken_ms == 0) {
		s->broken_ms = now;
		s->events->on_broken(why, s->owner);
	}
	uv_timer_start(&s->timer, on_timer, pause_of(s->n_attempts), 0);
	s->n_attempts++;
}

/*
 * Does it show all from where it began?  Of the end of two streams, one may
 * still have to come, and where that begins only the daemon knows.
 */
static bool
is_whole(const struct exec_view *view)
{
	return view->tail == UINT64_MAX && view->tail_lines == UINT64_MAX &&
	       view->since == NULL && view->until == NULL;
}

/* Go on by a shorter way, if there is one now. */
static void
move(struct exec_stream *s, struct client_call *call)
{
	struct err err = ERR_INIT;

	s->is_bulk = true;
	if (s->is_start || s->answer != ANSWER_FRAMES || !is_whole(&s->view) ||
	    !can_resume(s) || !reach_is_near(client_reach(s->client)))
		return;
	client_call_cancel(call);
	s->call = NULL;
	s->is_resumed = true;
	if (start_call(s, &err) < 0)
		come_again(s, &err);
}

static void
on_end(struct client_call *call UNUSED, const struct err *err, void *owner)
{
	struct exec_stream *s = owner;
	struct err early = ERR_INIT;

	s->call = NULL;
	s->was_answered = true;
	uv_timer_stop(&s->timer);
	if (err == NULL && (!is_follow(s) || s->answer == ANSWER_TEXT)) {
		end_stream(s);
		return;
	}
	err_set(&early, ERR_UNREACHABLE,
		"the daemon ended its answer before the exec was finished");
	come_again(s, err ? err : &early);
}

static const struct client_call_events call_events = {
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
};

/* Silence for too long, or the pause before another attempt is over. */
static void
on_timer(uv_timer_t *timer)
{
	struct exec_stream *s = container_of(timer, struct exec_stream, timer);
	struct err err = ERR_INIT;

	if (s->call) {
		client_call_cancel(TAKE(s->call));
		err_set(&err, ERR_TIMEOUT, "no sign of life for %d s",
			SILENCE_MS / 1000);
		come_again(s, &err);
		return;
	}
	s->is_resumed = true;
	s->was_answered = false;
	if (start_call(s, &err) < 0)
		come_again(s, &err);
}

static void
add_number(struct buf *target, const char *name, uint64_t value)
{
	if (value != UINT64_MAX)
		target_add_number(target, name, value);
}

/* Where in each stream to begin: where we stopped, or where we were told. */
static void
add_offsets(const struct exec_stream *s, struct buf *target)
{
	static const char *const names[] = { "offset_out", "offset_err" };

	for (unsigned i = 0; i < 2; i++) {
		const struct place *place = &s->places[i];
		uint64_t at = place->floor;

		if (!(s->view.streams & BIT(i)))
			continue;
		if (place->is_known && !s->asks_events)
			at = place->next;
		else if (place->is_known && place->last_offset >= 0)
			at = (uint64_t)place->last_offset;
		target_add_number(
		    target, s->view.streams == 3 ? names[i] : "offset", at);
	}
}

/* The first call says what to show, a later one from where to go on. */
static void
add_begin(struct exec_stream *s, struct buf *target)
{
	const struct exec_view *view = &s->view;

	(void)exec_stream_last_offset(&s->places[0]);
	(void)exec_stream_last_offset(&s->places[1]);
	if (s->places[0].is_known || s->places[1].is_known ||
	    view->offset != UINT64_MAX) {
		add_offsets(s, target);
		return;
	}
	if (view->full)
		target_add(target, "full", "true");
	add_number(target, "tail", view->tail);
	add_number(target, "tail_lines", view->tail_lines);
	add_number(target, "head", view->head);
	add_number(target, "head_lines", view->head_lines);
}

static void
make_logs_target(struct exec_stream *s, struct buf *target)
{
	static const char *const names[] = { "", "stdout", "stderr", "both" };
	const struct exec_view *view = &s->view;

	target_path(target, "/v1/exec/", s->id, "/logs");
	target_add(target, "stream", names[view->streams & 3]);
	target_add(target, "format", s->asks_events ? "jsonl" : "frames");
	add_begin(s, target);
	add_number(target, "max_bytes", view->max_bytes);
	target_add(target, "since", view->since);
	target_add(target, "until", view->until);
	target_add(target, "grep", view->grep);
	target_add(target, "grep_re", view->grep_re);
	target_add(target, "strip_ansi", view->strip_ansi ? "true" : NULL);
	target_add(target, "follow", view->follow ? "true" : NULL);
}

static int
start_call(struct exec_stream *s, struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);
	struct http_request request = { .method = "GET" };
	unsigned flags = (s->is_start ? 0 : CLIENT_REPEAT) |
			 (s->is_bulk ? CLIENT_BULK : 0);

	if (s->is_start) {
		(void)buf_adds(&target, "/v1/exec/run");
		target_add(&target, "format",
			   s->asks_events ? "jsonl" : "frames");
		request.method = "POST";
		request.type = "application/json";
		request.body = buf_bytes(&s->body);
		request.body_len = s->body.len;
	} else {
		make_logs_target(s, &target);
	}
	request.target = buf_text(&target);
	s->call = client_call_start(s->client, &request, flags, &call_events, s,
				    err);
	return s->call ? 0 : -1;
}

/*
 * A view of the end of both streams may show nothing of one of them.  After a
 * break that one goes on from where it stood at the start: what was written
 * before was left out on purpose.
 */
static int
find_floors(struct exec_stream *s, struct err *err)
{
	AUTO_EXEC_RESULT now = EXEC_RESULT_INIT;
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_ANSWER);
	const struct exec_view *view = &s->view;

	for (size_t i = 0; i < ARRAY_SIZE(s->places); i++)
		s->places[i].floor = view->offset == UINT64_MAX ? 0
								: view->offset;
	if (s->is_start || !s->is_berthd || !view->follow ||
	    view->streams != 3 ||
	    (view->tail == UINT64_MAX && view->tail_lines == UINT64_MAX))
		return 0;
	if (exec_get(s->client, s->id, &answer, err) < 0 ||
	    exec_result_decode(buf_bytes(&answer), answer.len, &now, err) < 0)
		return -1;
	s->places[0].floor = (uint64_t)MAX(now.stdout_bytes, 0);
	s->places[1].floor = (uint64_t)MAX(now.stderr_bytes, 0);
	return 0;
}

static char *
copy(const char **text)
{
	char *copied = *text ? xstrdup(*text) : NULL;

	*text = copied;
	return copied;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct exec_stream *s = container_of((uv_timer_t *)handle,
					     struct exec_stream, timer);

	for (size_t i = 0; i < ARRAY_SIZE(s->places); i++)
		free(s->places[i].last);
	free(s->id);
	free(s->since);
	free(s->until);
	free(s->grep);
	free(s->grep_re);
	buf_fini(&s->body);
	frames_fini(&s->frames);
	lines_fini(&s->lines);
	exec_result_fini(&s->result);
	free(s);
}

void
exec_stream_free(struct exec_stream *s)
{
	if (s == NULL || s->is_freed)
		return;
	s->is_freed = true;
	if (s->call)
		client_call_cancel(TAKE(s->call));
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

static void
take_config(struct exec_stream *s, const struct exec_stream_config *config)
{
	s->client = config->client;
	s->events = config->events;
	s->owner = config->owner;
	s->form = config->form;
	s->view = (struct exec_view)EXEC_VIEW_INIT;
	if (config->view)
		s->view = *config->view;
	s->since = copy(&s->view.since);
	s->until = copy(&s->view.until);
	s->grep = copy(&s->view.grep);
	s->grep_re = copy(&s->view.grep_re);
	s->asks_events = s->form == EXEC_EVENTS || s->grep || s->grep_re ||
			 s->view.strip_ansi;
	s->id = xstrdup(config->id ? config->id : "");
	s->is_start = config->spec != NULL;
	s->result = (struct exec_result)EXEC_RESULT_INIT;
	for (size_t i = 0; i < ARRAY_SIZE(s->places); i++)
		s->places[i].last_offset = -1;
}

struct exec_stream *
exec_stream_start(const struct exec_stream_config *config, struct err *err)
{
	struct exec_stream *s = xcalloc(1, sizeof(*s));

	take_config(s, config);
	buf_init(&s->body, MAX_REQUEST);
	frames_init(&s->frames, exec_stream_on_frame, s);
	lines_init(&s->lines, exec_stream_on_line, s);
	uv_timer_init(client_loop(config->client), &s->timer);
	if (client_is_berthd(config->client, &s->is_berthd, err) < 0) {
		exec_stream_free(s);
		return NULL;
	}
	if (config->spec && exec_spec_encode(config->spec, &s->body) < 0)
		err_set(err, ERR_LIMIT, "the request is too large");
	else if (find_floors(s, err) == 0 && start_call(s, err) == 0)
		return s;
	exec_stream_free(s);
	return NULL;
}

const char *
exec_stream_id(const struct exec_stream *s)
{
	return s->id;
}
