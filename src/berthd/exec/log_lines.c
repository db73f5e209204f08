/* SPDX-License-Identifier: ISC */

/* Lines; see log_lines.h. */

#include <assert.h>
#include <string.h>

#include "core/buf.h"
#include "core/jsonw.h"
#include "core/text.h"
#include "berthd/exec/log_lines.h"
#include "berthd/exec/log_match.h"
#include "berthd/exec/log_merge.h"

/* A line, or a part of one, on its way out. */
struct line {
	unsigned stream;
	const uint8_t *bytes;
	size_t n;
	uint64_t offset;
	bool has_end;	 /* a line end follows */
	bool is_partial; /* more of the line follows */
};

/* The owner made room for the longest event there is. */
static void
put(struct buf *out, const void *bytes, size_t n)
{
	int rc = buf_add(out, bytes, n);

	assert(rc == 0);
}

static void
add_base64(struct jsonw *w, const struct line *line)
{
	AUTO_BUF text = BUF_INIT(2 * LOG_LINE_MAX);

	(void)base64_add(&text, line->bytes, line->n);
	jsonw_str(w, "bytes", buf_text(&text));
}

/* The time of the bytes in hand, as JSON; most lines share it with others. */
static const char *
time_json(struct log_lines *l, uint64_t time_ns)
{
	char text[RFC3339_SIZE];

	if (l->time[0] && l->time_ns == time_ns)
		return l->time;
	l->time_ns = time_ns;
	if (time_ns == 0)
		snprintf(l->time, sizeof(l->time), "null");
	else
		snprintf(l->time, sizeof(l->time), "\"%s\"",
			 rfc3339_format(text, time_ns));
	return l->time;
}

/* What all events of a stream begin with is written as it is. */
static void
put_json(struct log_lines *l, const struct line *line, struct buf *out)
{
	static const char *const heads[] = {
		[TIMELINE_OUT] = "{\"type\":\"log\",\"stream\":\"stdout\"",
		[TIMELINE_ERR] = "{\"type\":\"log\",\"stream\":\"stderr\"",
	};
	struct jsonw w = { .out = out, .comma = true };

	put(out, heads[line->stream], strlen(heads[line->stream]));
	jsonw_strn(&w, "line", line->bytes, line->n);
	jsonw_u64(&w, "offset", line->offset);
	jsonw_raw(&w, "time", time_json(l, l->streams[line->stream].time_ns));
	if (line->is_partial)
		jsonw_bool(&w, "partial", true);
	if (!utf8_valid(line->bytes, line->n))
		add_base64(&w, line);
	jsonw_object_end(&w);
	put(out, "\n", 1);
	assert(jsonw_done(&w) == 0);
}

static void
put_line(struct log_lines *l, const struct line *line, struct buf *out)
{
	switch (l->kind) {
	case LOG_LINES_TEXT:
		put(out, line->bytes, line->n);
		if (line->has_end)
			put(out, "\n", 1);
		break;
	case LOG_LINES_JOINED:
		if (l->has_any && !l->streams[line->stream].is_rest)
			put(out, "\n", 1);
		put(out, line->bytes, line->n);
		break;
	case LOG_LINES_JSON:
		put_json(l, line, out);
		break;
	}
	l->has_any = true;
}

/* Does the line match, whatever stands before its end? */
static bool
is_match(struct log_lines *l, const struct line *line)
{
	size_t n = line->n;

	if (l->match == NULL)
		return true;
	if (l->streams[line->stream].is_rest)
		return l->streams[line->stream].is_matched;
	if (n > 0 && line->bytes[n - 1] == '\r')
		n--;
	return log_match_line(l->match, line->bytes, n);
}

/* Strip what is to be stripped, choose, and write. */
static void
pass_on(struct log_lines *l, struct line *line, struct buf *scratch,
	struct buf *out)
{
	struct log_line_state *st = &l->streams[line->stream];
	uint64_t cost;
	bool matched;

	if (l->strip_ansi && (st->ansi != LOG_ANSI_TEXT ||
			      memchr(line->bytes, '\033', line->n))) {
		buf_clear(scratch);
		put(scratch, line->bytes, line->n);
		line->bytes = buf_bytes(scratch);
		line->n = log_ansi_strip(&st->ansi, buf_bytes(scratch),
					 line->n);
	}
	if (l->strip_cr && !line->is_partial && line->n > 0 &&
	    line->bytes[line->n - 1] == '\r')
		line->n--;
	matched = is_match(l, line);
	cost = line->n + line->has_end;
	if (matched && cost > l->max_bytes) {
		l->is_full = true;
	} else if (matched &&
		   !(l->skip_empty && line->n == 0 && !st->is_rest)) {
		put_line(l, line, out);
		l->max_bytes -= cost;
	}
	st->is_rest = line->is_partial;
	st->is_matched = matched;
	if (!line->is_partial)
		st->ansi = LOG_ANSI_TEXT;
}

/* Where to cut a line that is too long: between letters, not before "\n". */
static size_t
cut_length(const uint8_t *bytes)
{
	size_t n = LOG_LINE_MAX;

	if (bytes[n - 1] == '\r')
		return n - 1;
	for (size_t back = 1; back <= 3; back++) {
		uint8_t c = bytes[n - back];

		if (c < 0x80)
			break;
		if (c >= 0xc0) {
			size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

			return len > back ? n - back : n;
		}
	}
	return n;
}

/* A feed being eaten; the line in hand starts at `at'. */
struct meal {
	struct log_lines *l;
	const struct log_feed *feed;
	size_t at;
	struct buf *scratch;
	struct buf *out;
};

/* Pass on the first `n' bytes of the line in hand. */
static void
take(struct meal *m, size_t n, bool has_end, bool is_partial)
{
	struct log_line_state *st = &m->l->streams[m->feed->stream];
	struct line line = {
		.stream = m->feed->stream,
		.bytes = m->feed->bytes + m->at,
		.n = n,
		.offset = st->start,
		.has_end = has_end,
		.is_partial = is_partial,
	};

	pass_on(m->l, &line, m->scratch, m->out);
	m->at += n + has_end;
	st->start += n + has_end;
}

size_t
log_lines_feed(struct log_lines *l, const struct log_feed *feed,
	       struct buf *out)
{
	AUTO_BUF scratch = BUF_INIT(LOG_LINE_MAX);
	struct meal m = { l, feed, 0, &scratch, out };

	l->streams[feed->stream].time_ns = feed->time_ns;
	while (out->len < LOG_LINES_ENOUGH && !l->is_full) {
		size_t from = MAX(m.at, feed->n_old);
		const uint8_t *end = memchr(feed->bytes + from, '\n',
					    feed->n - from);
		size_t n = (end ? (size_t)(end - feed->bytes) : feed->n) - m.at;

		if (n > LOG_LINE_MAX)
			take(&m, cut_length(feed->bytes + m.at), false, true);
		else if (end)
			take(&m, n, true, false);
		else
			return feed->n - feed->n_old;
	}
	return MAX(m.at, feed->n_old) - feed->n_old;
}

void
log_lines_flush(struct log_lines *l, unsigned stream, const uint8_t *bytes,
		size_t n, bool is_partial, struct buf *out)
{
	AUTO_BUF scratch = BUF_INIT(LOG_LINE_MAX);
	struct log_feed feed = { .stream = stream, .bytes = bytes, .n = n };
	struct meal m = { l, &feed, 0, &scratch, out };

	assert(n <= LOG_LINE_MAX);
	if (n > 0 && !l->is_full)
		take(&m, n, false, is_partial);
}

void
log_lines_gap_json(const struct log_piece *gap, bool with_type, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	if (with_type)
		jsonw_str(&w, "type", "gap");
	jsonw_str(&w, "stream", timeline_stream_name(gap->stream));
	jsonw_u64(&w, "offset", gap->offset);
	jsonw_u64(&w, "length", gap->length);
	jsonw_str(&w, "reason", gap->reason);
	jsonw_object_end(&w);
	assert(jsonw_done(&w) == 0);
}

void
log_lines_gap(struct log_lines *l, const struct log_piece *gap, struct buf *out)
{
	l->streams[gap->stream] = (struct log_line_state){
		.start = gap->offset + gap->length,
	};
	if (l->kind == LOG_LINES_JSON && !l->is_full) {
		log_lines_gap_json(gap, true, out);
		put(out, "\n", 1);
	}
}
