/* SPDX-License-Identifier: ISC */

/*
 * What a call of a stream brings: frames, lines of JSON, or text; see
 * exec_stream.h.
 *
 * What has been handed on is remembered per stream: the offset behind the last
 * byte in the form BYTES, the offset of the last event in the form EVENTS. What
 * a later call repeats is dropped by its offset, so a daemon may repeat as much
 * as it likes.
 */

#include <stdlib.h>
#include <string.h>

#include "core/macros.h"
#include "core/mem.h"
#include "client/exec_json.h"
#include "client/exec_stream_own.h"

/* Bytes at `offset': hand on what is new. */
static void
take_bytes(struct exec_stream *s, unsigned stream, uint64_t offset,
	   const uint8_t *bytes, size_t n)
{
	struct place *place = &s->places[stream];
	uint64_t seen = 0;

	if (place->is_known && offset < place->next)
		seen = MIN(place->next - offset, n);
	place->is_known = true;
	place->next = MAX(place->next, offset + n);
	s->n_bytes += n;
	if (n > seen)
		s->events->on_bytes(stream, bytes + seen, (size_t)(n - seen),
				    s->owner);
}

/* Bytes from `offset' on are lost; reading goes on behind them. */
static void
take_gap(struct exec_stream *s, const struct exec_event *event)
{
	struct place *place = &s->places[event->stream];
	struct exec_gap gap = { .stream = event->stream,
				.offset = (uint64_t)event->offset,
				.length = (uint64_t)event->length,
				.reason = event->reason };

	if (event->offset < 0 ||
	    (place->is_known && gap.offset + gap.length <= place->next))
		return;
	place->is_known = true;
	place->next = gap.offset + gap.length;
	s->events->on_gap(&gap, s->owner);
}

static int
take_started(struct exec_stream *s, const struct exec_result *started)
{
	if (started->exec_id == NULL)
		return err_set(&s->err, ERR_PROTO, "a start without an id");
	if (!s->is_start)
		return 0;
	s->is_start = false;
	s->view.follow = true;
	free(s->id);
	s->id = xstrdup(started->exec_id);
	s->events->on_started(s->id, s->owner);
	return 0;
}

/* The JSON of a frame or an event that says how it all ended. */
static int
take_finished(struct exec_stream *s, const void *text, size_t n)
{
	exec_result_fini(&s->result);
	s->result = (struct exec_result)EXEC_RESULT_INIT;
	if (exec_result_decode(text, n, &s->result, &s->err) < 0)
		return -1;
	s->is_over = true;
	return -1;
}

static int
take_started_text(struct exec_stream *s, const void *text, size_t n)
{
	AUTO_EXEC_RESULT started = EXEC_RESULT_INIT;

	if (exec_result_decode(text, n, &started, &s->err) < 0)
		return -1;
	return take_started(s, &started);
}

static int
take_gap_text(struct exec_stream *s, const void *text, size_t n)
{
	AUTO_EXEC_EVENT event = { 0 };

	if (exec_event_decode(text, n, &event, &s->err) < 0)
		return -1;
	take_gap(s, &event);
	return 0;
}

int
exec_stream_on_frame(unsigned type, uint64_t offset, const void *bytes,
		     size_t n, void *owner)
{
	struct exec_stream *s = owner;

	s->n_attempts = 0;
	switch (type) {
	case FRAME_STDOUT:
	case FRAME_STDERR:
		take_bytes(s, type == FRAME_STDERR, offset, bytes, n);
		return 0;
	case FRAME_GAP:
		return take_gap_text(s, bytes, n);
	case FRAME_STARTED:
		return take_started_text(s, bytes, n);
	case FRAME_FINISHED:
		return take_finished(s, bytes, n);
	default:
		return 0;
	}
}

/* The line of an event, when its bytes are wanted: a daemon without frames. */
static void
take_line(struct exec_stream *s, const struct exec_event *event)
{
	unsigned stream = event->stream;

	s->events->on_bytes(stream, event->line, event->n_line, s->owner);
	if (!event->is_partial)
		s->events->on_bytes(stream, "\n", 1, s->owner);
}

int64_t
exec_stream_last_offset(struct place *place)
{
	AUTO_EXEC_EVENT event = { 0 };
	struct err err = ERR_INIT;

	if (place->last && place->last_offset < 0 &&
	    exec_event_decode(place->last, strlen(place->last), &event, &err) ==
		0)
		place->last_offset = event.offset;
	return place->last_offset;
}

/* An event that an earlier call brought already. */
static bool
is_repeated(struct exec_stream *s, const struct exec_event *event)
{
	struct place *place = &s->places[event->stream];

	return s->is_resumed && event->offset >= 0 && place->last &&
	       event->offset <= exec_stream_last_offset(place);
}

static void
remember(struct place *place, const char *line, size_t n)
{
	free(place->last);
	place->last = xstrndup(line, n);
	place->last_offset = -1;
	place->is_known = true;
}

/*
 * Which stream an event of berthd is about, without decoding it: the member
 * stands in front of the text.  -1: decode it.
 */
static int
peek_stream(const char *line, size_t n)
{
	static const char out[] = "{\"type\":\"log\",\"stream\":\"stdout\",";
	static const char err[] = "{\"type\":\"log\",\"stream\":\"stderr\",";

	if (n >= sizeof(out) && memcmp(line, out, sizeof(out) - 1) == 0)
		return 0;
	if (n >= sizeof(err) && memcmp(line, err, sizeof(err) - 1) == 0)
		return 1;
	return -1;
}

static int
take_event(struct exec_stream *s, const char *line, size_t n)
{
	AUTO_EXEC_EVENT event = { 0 };
	int rc = 0;

	if (exec_event_decode(line, n, &event, &s->err) < 0)
		return -1;
	if (event.type == EXEC_EVENT_STARTED) {
		bool is_news = s->is_start;

		if (take_started_text(s, line, n) < 0)
			return -1;
		if (!is_news)
			return 0;
	} else if (event.type == EXEC_EVENT_FINISHED) {
		rc = take_finished(s, line, n);
		if (!s->is_over)
			return rc;
	} else if (event.type != EXEC_EVENT_OTHER) {
		if (is_repeated(s, &event))
			return 0;
		remember(&s->places[event.stream], line, n);
	}
	if (s->form == EXEC_EVENTS)
		s->events->on_event(line, n, s->owner);
	else if (event.type == EXEC_EVENT_LOG)
		take_line(s, &event);
	return rc;
}

int
exec_stream_on_line(const char *line, size_t n, void *owner)
{
	struct exec_stream *s = owner;
	int stream;

	if (n == 0)
		return 0;
	s->n_attempts = 0;
	stream = s->form == EXEC_EVENTS && !s->is_resumed ? peek_stream(line, n)
							  : -1;
	if (stream < 0)
		return take_event(s, line, n);
	remember(&s->places[stream], line, n);
	s->events->on_event(line, n, s->owner);
	return 0;
}
