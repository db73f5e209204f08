/* SPDX-License-Identifier: ISC */

/* Bodies; see log_body.h. */

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "core/buf.h"
#include "core/macros.h"
#include "http/server.h"
#include "berthd/exec/log_match.h"
#include "berthd/exec/log_query.h"
#include "berthd/exec/log_body.h"

/* Below this a copy is cheaper than a sendfile of its own. */
#define FILE_MIN (16u << 10)

/* Entries are joined to pieces of up to this much. */
#define FILE_MAX (64u << 20)

/* One copied piece that is gathered; a longer one is sent from the window. */
#define COPY_MAX (64u << 10)

/* Bytes in one step past an expression, which may take long for each line. */
#define REGEX_FEED (2 * LOG_MATCH_MAX_LINE)

/* Gathered output is sent beyond this. */
#define SEND_MIN LOG_LINES_ENOUGH

_Static_assert(LOG_BODY_OUT_MAX >= SEND_MIN + LOG_LINES_OUT_MAX, "an event");
_Static_assert(LOG_BODY_OUT_MAX >= SEND_MIN + 2 * COPY_MAX, "a piece");

static void
put(struct buf *out, const void *bytes, size_t n)
{
	int rc = buf_add(out, bytes, n);

	assert(rc == 0);
}

void
log_body_frame(struct buf *out, enum log_frame type, uint64_t length,
	       uint64_t offset)
{
	struct {
		uint8_t type;
		uint8_t zero[3];
		uint32_t length;
		uint64_t offset;
	} header = {
		.type = (uint8_t)type,
		.length = htole32((uint32_t)length),
		.offset = htole64(offset),
	};

	_Static_assert(sizeof(header) == LOG_FRAME_HEADER, "on the wire");
	assert(length <= UINT32_MAX);
	put(out, &header, sizeof(header));
}

void
log_body_send(struct log_body *body, struct buf *out)
{
	if (out->len == 0)
		return;
	if (http_reply_write(body->x, buf_bytes(out), out->len))
		body->is_blocked = true;
	buf_clear(out);
}

static struct log_files *
files_of(const struct log_body *body)
{
	return body->merge.view.files;
}

static bool
goes_as_file(const struct log_body *body, const struct log_piece *piece)
{
	return !body->by_copy && piece->length >= FILE_MIN;
}

static void
send_file(struct log_body *body, const struct log_piece *piece, struct buf *out)
{
	int fd = files_of(body)->timeline.stream_fd[piece->stream];

	log_body_send(body, out);
	if (http_reply_file(body->x, fd, piece->offset, piece->length))
		body->is_blocked = true;
	log_merge_consume(&body->merge, piece, piece->length);
}

/*
 * The first bytes of the piece, `*ret_n' of them, at most `max'.  0: they are
 * not there any more; look at the piece again.
 */
static int
copy(const struct log_body *body, const struct log_piece *piece, size_t max,
     const uint8_t **ret_bytes, size_t *ret_n, struct err *err)
{
	*ret_n = (size_t)MIN(piece->length, (uint64_t)max);
	return log_files_read(files_of(body), piece->stream, piece->offset,
			      *ret_n, ret_bytes, err);
}

/* Long ones need no other place: what the socket takes is copied once. */
static void
put_copy(struct log_body *body, const uint8_t *bytes, size_t n, struct buf *out)
{
	if (n <= COPY_MAX) {
		put(out, bytes, n);
		return;
	}
	log_body_send(body, out);
	if (http_reply_write(body->x, bytes, n))
		body->is_blocked = true;
}

static int
sink_bytes(struct log_body *body, const struct log_piece *piece,
	   struct buf *out, struct err *err)
{
	const uint8_t *bytes;
	size_t n;
	int rc;

	if (piece->reason) {
		log_merge_consume(&body->merge, piece, piece->length);
		return 0;
	}
	if (goes_as_file(body, piece)) {
		send_file(body, piece, out);
		return 0;
	}
	rc = copy(body, piece, LOG_WINDOW, &bytes, &n, err);
	if (rc > 0) {
		put_copy(body, bytes, n, out);
		log_merge_consume(&body->merge, piece, n);
	}
	return rc < 0 ? -1 : 0;
}

static int
sink_strip(struct log_body *body, const struct log_piece *piece,
	   struct buf *out, struct err *err)
{
	enum log_ansi *state = &body->lines.streams[piece->stream].ansi;
	const uint8_t *bytes;
	uint8_t *room;
	size_t n;
	int rc;

	if (piece->reason) {
		*state = LOG_ANSI_TEXT;
		log_merge_consume(&body->merge, piece, piece->length);
		return 0;
	}
	rc = copy(body, piece, COPY_MAX, &bytes, &n, err);
	if (rc > 0) {
		room = buf_reserve(out, n);
		assert(room);
		memcpy(room, bytes, n);
		buf_commit(out, log_ansi_strip(state, room, n));
		log_merge_consume(&body->merge, piece, n);
	}
	return rc < 0 ? -1 : 0;
}

static void
put_gap_frame(const struct log_piece *gap, struct buf *out)
{
	AUTO_BUF json = BUF_INIT(1024);

	log_lines_gap_json(gap, false, &json);
	log_body_frame(out, LOG_FRAME_GAP, json.len, gap->offset);
	put(out, buf_bytes(&json), json.len);
}

static int
sink_frames(struct log_body *body, const struct log_piece *piece,
	    struct buf *out, struct err *err)
{
	enum log_frame type = piece->stream == TIMELINE_OUT ? LOG_FRAME_STDOUT
							    : LOG_FRAME_STDERR;
	const uint8_t *bytes;
	size_t n;
	int rc;

	if (piece->reason) {
		put_gap_frame(piece, out);
		log_merge_consume(&body->merge, piece, piece->length);
		return 0;
	}
	if (goes_as_file(body, piece)) {
		log_body_frame(out, type, piece->length, piece->offset);
		send_file(body, piece, out);
		return 0;
	}
	rc = copy(body, piece, LOG_WINDOW, &bytes, &n, err);
	if (rc > 0) {
		log_body_frame(out, type, n, piece->offset);
		put_copy(body, bytes, n, out);
		log_merge_consume(&body->merge, piece, n);
	}
	return rc < 0 ? -1 : 0;
}

/*
 * The line in hand of `stream' ends at `pos' without an end.  If its bytes were
 * dropped before it was complete, its place is a gap.
 */
static int
end_line_in_hand(struct log_body *body, unsigned stream, bool is_partial,
		 struct buf *out, struct err *err)
{
	uint64_t start = body->lines.streams[stream].start;
	uint64_t pos = body->merge.pos[stream];
	const uint8_t *bytes;
	int rc;

	if (start >= pos)
		return 0;
	rc = log_files_read(files_of(body), stream, start,
			    (size_t)(pos - start), &bytes, err);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		log_lines_flush(&body->lines, stream, bytes,
				(size_t)(pos - start), is_partial, out);
	} else {
		struct log_piece gap = { .stream = stream,
					 .offset = start,
					 .length = pos - start,
					 .reason = "dropped" };

		log_lines_gap(&body->lines, &gap, out);
	}
	return 0;
}

static int
sink_lines(struct log_body *body, const struct log_piece *piece,
	   struct buf *out, struct err *err)
{
	unsigned s = piece->stream;
	uint64_t start = body->lines.streams[s].start;
	uint64_t n = piece->offset + piece->length - start;
	struct log_feed feed = {
		.stream = s,
		.n_old = (size_t)(piece->offset - start),
		.time_ns = piece->time_ns,
	};
	int rc;

	if (piece->reason) {
		if (end_line_in_hand(body, s, true, out, err) < 0)
			return -1;
		log_lines_gap(&body->lines, piece, out);
		log_merge_consume(&body->merge, piece, piece->length);
		return 0;
	}
	feed.n = MIN(feed.n_old + body->max_feed, (size_t)LOG_WINDOW);
	feed.n = (size_t)MIN(n, (uint64_t)feed.n);
	rc = log_files_read(files_of(body), s, start, feed.n, &feed.bytes, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return end_line_in_hand(body, s, true, out, err);
	n = log_lines_feed(&body->lines, &feed, out);
	log_merge_consume(&body->merge, piece, n);
	return 0;
}

static bool
is_codexds(const struct log_query *q)
{
	return !q->follow && (q->streams == BIT(TIMELINE_OUT) ||
			      q->streams == BIT(TIMELINE_ERR));
}

static bool
is_joined(const struct log_query *q)
{
	return q->format == LOG_TEXT && q->pick == LOG_PICK_TAIL_LINES &&
	       !q->follow;
}

/*
 * codexd skips empty lines and keeps "\r", but not where it was asked for a
 * number of lines; its answer to a run does neither.
 */
static void
init_lines(struct log_body *body, const struct log_query *q)
{
	struct log_lines *l = &body->lines;

	l->strip_ansi = q->strip_ansi;
	l->max_bytes = q->grep[0] ? q->max_bytes : UINT64_MAX;
	if (q->format == LOG_JSONL) {
		l->kind = LOG_LINES_JSON;
		l->skip_empty = is_codexds(q);
		l->strip_cr = !is_codexds(q) || q->pick == LOG_PICK_TAIL_LINES;
	} else {
		l->kind = is_joined(q) ? LOG_LINES_JOINED : LOG_LINES_TEXT;
		l->strip_cr = is_joined(q);
	}
}

void
log_body_init(struct log_body *body, struct http_exchange *x,
	      const struct log_query *query)
{
	*body = (struct log_body){ .x = x };
	body->merge.until_ns = query->until_ns;
	body->merge.left = query->grep[0] ? UINT64_MAX : query->max_bytes;
	body->max_feed = query->is_regex ? REGEX_FEED : LOG_WINDOW;
	init_lines(body, query);
	if (query->format == LOG_FRAMES) {
		body->sink = sink_frames;
		body->merge.join = LOG_FRAME_MAX;
	} else if (query->format == LOG_JSONL || query->grep[0] ||
		   is_joined(query)) {
		body->sink = sink_lines;
	} else if (query->strip_ansi) {
		body->sink = sink_strip;
		body->merge.join = COPY_MAX;
	} else {
		body->sink = sink_bytes;
		body->merge.join = FILE_MAX;
	}
}

bool
log_body_is_plain(const struct log_body *body)
{
	return body->sink == sink_bytes;
}

enum log_body_result
log_body_step(struct log_body *body, struct buf *out, struct err *err)
{
	struct log_piece piece;

	if (body->lines.is_full)
		return LOG_BODY_STOP;
	switch (log_merge_peek(&body->merge, &piece, err)) {
	case LOG_MERGE_FAILED:
		return LOG_BODY_FAILED;
	case LOG_MERGE_AGAIN:
		return LOG_BODY_MORE;
	case LOG_MERGE_END:
		return LOG_BODY_END;
	case LOG_MERGE_STOP:
		body->is_stopped = true;
		return LOG_BODY_STOP;
	case LOG_MERGE_PIECE:
		break;
	}
	if (body->sink(body, &piece, out, err) < 0)
		return LOG_BODY_FAILED;
	if (out->len >= SEND_MIN)
		log_body_send(body, out);
	return LOG_BODY_MORE;
}

int
log_body_finish(struct log_body *body, struct buf *out, struct err *err)
{
	const struct log_merge *m = &body->merge;

	if (body->sink != sink_lines || body->lines.is_full)
		return 0;
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		bool is_partial = body->is_stopped && m->pos[s] < m->to[s];

		if (end_line_in_hand(body, s, is_partial, out, err) < 0)
			return -1;
	}
	return 0;
}
