/* SPDX-License-Identifier: ISC */

/*
 * Serving a log; see log_stream.h.
 *
 * An answer goes through phases: find the range, survey it for the headers,
 * then the head, the body, the end.  run() works on the phase at hand until the
 * client takes no more (on_drain goes on), the log has no more (on_wake goes
 * on), or others have waited long enough (on_idle goes on).
 *
 * Lifetime: the exchange owns the answer until on_gone; then its handles are
 * closed, and the last one to close frees it.
 */

#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/buf.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/mem.h"
#include "http/server.h"
#include "berthd/exec/log_body.h"
#include "berthd/exec/log_match.h"
#include "berthd/exec/log_query.h"
#include "berthd/exec/log_range.h"
#include "berthd/exec/log_survey.h"
#include "berthd/reply.h"
#include "berthd/exec/log_stream.h"

/* How long one answer may keep the loop. */
#define TURN_NS (2 * NS_PER_MS)

/* What a socket may hold of a long answer. */
#define SEND_BUFFER (512 << 10)

/* An event that describes an exec. */
#define EVENT_MAX (8u << 20)

enum phase {
	PHASE_FIND,
	PHASE_SURVEY,
	PHASE_HEAD,
	PHASE_BODY,
	PHASE_END,
	PHASE_DONE,
};

enum outcome {
	STEP_FAILED = -1,
	STEP_WAIT, /* until there is more */
	STEP_ON,   /* the same phase again */
	STEP_NEXT, /* the phase is over */
};

struct log_stream {
	struct log_reader reader;
	struct http_exchange *x;
	struct log_query query;
	struct log_match *match;
	enum phase phase;
	struct log_view view;
	struct log_finder finder;
	struct log_survey survey;
	struct log_body body;
	uint64_t sent_ms; /* when something was sent last */
	unsigned n_handles;
	uv_idle_t idle;
	uv_timer_t keepalive;
};

typedef enum outcome phase_fn(struct log_stream *s, struct buf *out,
			      struct err *err);

static const struct log_source *
source_of(const struct log_stream *s)
{
	return s->reader.src;
}

static bool
has_events(const struct log_stream *s)
{
	return s->query.format == LOG_JSONL || s->query.format == LOG_FRAMES;
}

static enum outcome
find_range(struct log_stream *s, struct buf *out UNUSED, struct err *err)
{
	const struct log_range *r = &s->finder.range;
	struct log_merge *m = &s->body.merge;
	int rc = log_finder_step(&s->finder, err);

	if (rc != 1)
		return rc < 0 ? STEP_FAILED : STEP_ON;
	m->view = s->view;
	m->next = r->first;
	for (size_t i = 0; i < TIMELINE_STREAMS; i++) {
		m->pos[i] = r->from[i];
		m->to[i] = r->to[i];
		s->body.lines.streams[i].start = r->from[i];
	}
	log_survey_init(&s->survey, m);
	return STEP_NEXT;
}

/* Only text and raw have headers that need it. */
static enum outcome
survey_range(struct log_stream *s, struct buf *out UNUSED, struct err *err)
{
	int rc = has_events(s) ? 1 : log_survey_step(&s->survey, err);

	return rc < 0 ? STEP_FAILED : rc == 0 ? STEP_ON : STEP_NEXT;
}

/* "FROM-TO" or "stdout=FROM-TO, stderr=FROM-TO"; sizes likewise. */
static void
range_headers(struct log_stream *s)
{
	AUTO_BUF size = BUF_INIT(256), range = BUF_INIT(256);
	unsigned both = BIT(TIMELINE_OUT) | BIT(TIMELINE_ERR);

	for (unsigned i = 0; i < TIMELINE_STREAMS; i++) {
		const char *comma = size.len > 0 ? ", " : "";
		const char *name = "", *is = "";

		if (!(s->query.streams & BIT(i)))
			continue;
		if (s->query.streams == both) {
			name = timeline_stream_name(i);
			is = "=";
		}
		buf_addf(&size, "%s%s%s%" PRIu64, comma, name, is,
			 s->view.end[i]);
		buf_addf(&range, "%s%s%s%" PRIu64 "-", comma, name, is,
			 s->body.merge.pos[i]);
		if (!s->query.follow)
			buf_addf(&range, "%" PRIu64, s->survey.merge.pos[i]);
	}
	http_reply_header(s->x, "Berth-Stream-Size", buf_text(&size));
	http_reply_header(s->x, "Berth-Range", buf_text(&range));
	if (s->survey.n_gaps > 0)
		http_reply_header(s->x, "Berth-Gaps",
				  buf_text(&s->survey.gaps));
}

/* {"type":TYPE, and what `describe' says, as a line or as a frame. */
static void
put_event(struct log_stream *s, const char *type, enum log_frame frame,
	  void (*describe)(void *exec, struct jsonw *w), struct buf *out)
{
	bool in_frame = s->query.format == LOG_FRAMES;
	AUTO_BUF json = BUF_INIT(EVENT_MAX);
	struct jsonw w = JSONW_INIT(&json);

	jsonw_object(&w, NULL);
	if (type)
		jsonw_str(&w, "type", type);
	describe(source_of(s)->exec, &w);
	jsonw_object_end(&w);
	if (jsonw_done(&w) < 0) {
		log_warn("log", "an event is too long",
			 KV_STR("exec", source_of(s)->exec_id));
		buf_clear(&json);
		(void)buf_adds(&json, "{}");
	}
	if (in_frame)
		log_body_frame(out, frame, json.len, 0);
	else
		(void)buf_adds(&json, "\n");
	log_body_send(&s->body, out);
	if (http_reply_write(s->x, buf_bytes(&json), json.len))
		s->body.is_blocked = true;
}

static unsigned
stream_of(const struct log_stream *s)
{
	return s->query.streams & BIT(TIMELINE_OUT) ? TIMELINE_OUT
						    : TIMELINE_ERR;
}

/* Is the body one run of bytes? */
static bool
is_solid(const struct log_stream *s)
{
	const struct log_merge *end = &s->survey.merge;
	unsigned i = stream_of(s);

	return s->survey.n_gaps == 0 && s->survey.total > 0 &&
	       s->survey.total == end->pos[i] - s->body.merge.pos[i];
}

/* A solid body needs no second walk over the records. */
static void
send_at_once(struct log_stream *s)
{
	struct log_files *files = log_source_files(&s->reader);
	struct log_merge *m = &s->body.merge;
	unsigned i = stream_of(s);

	if (http_reply_file(s->x, files->timeline.stream_fd[i], m->pos[i],
			    s->survey.total))
		s->body.is_blocked = true;
	m->left = 0;
}

/*
 * The buffer of a unix socket does not grow by itself, and a small one costs a
 * turn of the loop for every 200 KiB.
 */
static void
widen(struct http_exchange *x)
{
	int fd = http_exchange_fd(x), size = SEND_BUFFER, family = 0;
	socklen_t n = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n) == 0 &&
	    family == AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size,
				 sizeof(size));
}

static enum outcome
send_head(struct log_stream *s, struct buf *out, struct err *err UNUSED)
{
	static const char *const types[] = {
		[LOG_TEXT] = REPLY_TEXT,
		[LOG_RAW] = "application/octet-stream",
		[LOG_JSONL] = REPLY_NDJSON,
		[LOG_FRAMES] = "application/vnd.berth.frames",
	};
	const struct log_source *src = source_of(s);
	struct log_merge *m = &s->body.merge;
	int64_t length = -1;

	_Static_assert(ARRAY_SIZE(types) == LOG_FORMATS, "a type per format");
	http_reply_header(s->x, "Berth-Exec-Status",
			  src->is_ended ? "finished" : "running");
	http_reply_header(s->x, "Cache-Control", "no-cache");
	if (!has_events(s))
		range_headers(s);
	if (s->query.follow ||
	    m->to[0] - m->pos[0] + m->to[1] - m->pos[1] > SEND_BUFFER)
		widen(s->x);
	if (s->query.follow) {
		for (size_t i = 0; i < TIMELINE_STREAMS; i++)
			m->to[i] = s->query.streams & BIT(i) ? UINT64_MAX : 0;
	} else if (log_body_is_plain(&s->body) && !s->body.by_copy) {
		length = (int64_t)s->survey.total;
	}
	http_reply_start(s->x, 200, types[s->query.format], length);
	if (length >= 0 && is_solid(s))
		send_at_once(s);
	if (s->query.is_run && has_events(s))
		put_event(s, "started", LOG_FRAME_STARTED,
			  src->describe_started, out);
	return STEP_NEXT;
}

static enum outcome
send_body(struct log_stream *s, struct buf *out, struct err *err)
{
	struct log_merge *m = &s->body.merge;
	struct log_files *files = log_source_files(&s->reader);

	switch (log_body_step(&s->body, out, err)) {
	case LOG_BODY_FAILED:
		return STEP_FAILED;
	case LOG_BODY_MORE:
		return STEP_ON;
	case LOG_BODY_STOP:
		return STEP_NEXT;
	case LOG_BODY_END:
		break;
	}
	if (!s->query.follow)
		return STEP_NEXT;

	/* Others may have looked at the files since. */
	if (m->view.n_recs < files->timeline.n ||
	    m->view.is_ended != files->is_ended) {
		m->view = log_view_of(files);
		return STEP_ON;
	}
	return m->view.is_ended ? STEP_NEXT : STEP_WAIT;
}

static enum outcome
send_end(struct log_stream *s, struct buf *out, struct err *err)
{
	const struct log_source *src = source_of(s);

	if (log_body_finish(&s->body, out, err) < 0)
		return STEP_FAILED;
	if (s->query.follow && src->is_ended && has_events(s)) {
		if (s->query.format == LOG_FRAMES && src->describe_result)
			put_event(s, NULL, LOG_FRAME_FINISHED,
				  src->describe_result, out);
		else
			put_event(s, "finished", LOG_FRAME_FINISHED,
				  src->describe_finished, out);
	}
	log_body_send(&s->body, out);
	http_reply_end(s->x);
	return STEP_NEXT;
}

static void
fail(struct log_stream *s, const struct err *err)
{
	log_warn("log", "an answer failed",
		 KV_STR("exec", source_of(s)->exec_id), KV_ERR(err));
	if (s->phase <= PHASE_HEAD)
		reply_error(s->x, err);
	else
		http_exchange_abort(s->x);
	s->phase = PHASE_DONE;
}

/* Work until somebody else has to; true if that is the loop. */
static bool
work(struct log_stream *s, struct buf *out)
{
	static phase_fn *const phases[] = {
		[PHASE_FIND] = find_range, [PHASE_SURVEY] = survey_range,
		[PHASE_HEAD] = send_head,  [PHASE_BODY] = send_body,
		[PHASE_END] = send_end,
	};
	uint64_t deadline = uv_hrtime() + TURN_NS;
	struct err err = ERR_INIT;

	while (s->phase != PHASE_DONE && !s->body.is_blocked) {
		switch (phases[s->phase](s, out, &err)) {
		case STEP_FAILED:
			fail(s, &err);
			return false;
		case STEP_WAIT:
			s->reader.is_waiting = true;
			return false;
		case STEP_NEXT:
			s->phase++;
			break;
		case STEP_ON:
			break;
		}
		if (uv_hrtime() > deadline)
			return s->phase != PHASE_DONE;
	}
	return false;
}

static void on_idle(uv_idle_t *idle);

static uint64_t
progress(const struct log_stream *s)
{
	const struct log_merge *m = &s->body.merge;

	return m->pos[TIMELINE_OUT] + m->pos[TIMELINE_ERR] + s->phase;
}

static void
run(struct log_stream *s)
{
	AUTO_BUF out = BUF_INIT(LOG_BODY_OUT_MAX);
	uint64_t before = progress(s);
	bool has_more = work(s, &out);

	if (s->phase != PHASE_DONE)
		log_body_send(&s->body, &out);
	if (progress(s) != before)
		s->sent_ms = uv_now(s->idle.loop);
	if (has_more && !s->body.is_blocked)
		uv_idle_start(&s->idle, on_idle);
	else
		uv_idle_stop(&s->idle);
	log_source_rest(&s->reader);
}

static void
on_idle(uv_idle_t *idle)
{
	run(container_of(idle, struct log_stream, idle));
}

static void
on_drain(struct http_exchange *x UNUSED, void *owner)
{
	struct log_stream *s = owner;

	s->body.is_blocked = false;
	if (!s->reader.is_waiting)
		run(s);
}

static void
on_wake(struct log_reader *reader)
{
	run(container_of(reader, struct log_stream, reader));
}

static void
on_cut(struct log_reader *reader)
{
	struct log_stream *s = container_of(reader, struct log_stream, reader);

	if (s->phase == PHASE_DONE)
		return;
	uv_idle_stop(&s->idle);
	s->reader.is_waiting = false;
	s->phase = PHASE_DONE;
	http_exchange_abort(s->x);
}

static uint64_t
keepalive_ms(const struct log_stream *s)
{
	uint64_t ms = source_of(s)->keepalive_ms;

	return ms ? ms : LOG_SOURCE_KEEPALIVE_MS;
}

/* A frame that says nothing, after a silence. */
static void
on_keepalive(uv_timer_t *timer)
{
	struct log_stream *s = container_of(timer, struct log_stream,
					    keepalive);
	uint64_t quiet = uv_now(timer->loop) - s->sent_ms;
	AUTO_BUF frame = BUF_INIT(LOG_FRAME_HEADER);

	if (s->phase > PHASE_BODY)
		return;
	if (quiet >= keepalive_ms(s)) {
		if (s->phase == PHASE_BODY && !s->body.is_blocked) {
			log_body_frame(&frame, LOG_FRAME_KEEPALIVE, 0, 0);
			log_body_send(&s->body, &frame);
		}
		s->sent_ms += quiet;
		quiet = 0;
	}
	uv_timer_start(timer, on_keepalive, keepalive_ms(s) - quiet, 0);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct log_stream *s = handle->data;

	if (--s->n_handles > 0)
		return;
	log_match_free(s->match);
	log_survey_fini(&s->survey);
	free(s);
}

static void
on_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct log_stream *s = owner;

	s->phase = PHASE_DONE;
	uv_close((uv_handle_t *)&s->idle, on_handle_closed);
	uv_close((uv_handle_t *)&s->keepalive, on_handle_closed);
	log_source_leave(&s->reader);
}

static struct log_stream *
log_stream_new(struct http_exchange *x, const struct log_query *query,
	       struct uv_loop_s *loop)
{
	struct log_stream *s = xcalloc(1, sizeof(*s));

	s->x = x;
	s->query = *query;
	s->reader.is_follower = query->follow;
	s->reader.wake = on_wake;
	s->reader.cut = on_cut;
	log_body_init(&s->body, x, query);
	uv_idle_init(loop, &s->idle);
	uv_timer_init(loop, &s->keepalive);
	s->idle.data = s;
	s->keepalive.data = s;
	s->n_handles = 2;
	s->sent_ms = uv_now(loop);
	http_exchange_own(x, s, on_gone);
	http_reply_on_drain(x, on_drain);
	return s;
}

static int
prepare(struct log_stream *s, struct log_source *src, struct uv_loop_s *loop,
	struct err *err)
{
	const struct log_query *q = &s->query;

	if (log_source_join(src, &s->reader, loop, err) < 0)
		return -1;
	if (q->grep[0]) {
		s->match = log_match_new(q->grep, q->is_regex, err);
		if (s->match == NULL)
			return err_wrap(err, q->is_regex ? "grep_re" : "grep");
	}
	s->body.lines.match = s->match;
	s->body.by_copy = src->is_capped;
	s->view = log_view_of(log_source_files(&s->reader));
	log_finder_init(&s->finder, &s->view, q);
	return 0;
}

void
log_stream_start(struct http_exchange *x, struct log_source *src,
		 const struct log_query *query, struct uv_loop_s *loop)
{
	struct log_stream *s = log_stream_new(x, query, loop);
	struct err err = ERR_INIT;

	if (prepare(s, src, loop, &err) < 0) {
		reply_error(x, &err);
		s->phase = PHASE_DONE;
		return;
	}
	if (query->follow && query->format == LOG_FRAMES)
		uv_timer_start(&s->keepalive, on_keepalive, keepalive_ms(s), 0);
	run(s);
}
