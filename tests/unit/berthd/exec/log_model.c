/* SPDX-License-Identifier: ISC */

/* Answers the slow way; see log_model.h. */

#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/text.h"
#include "berthd/exec/log_ansi.h"
#include "tests/unit/berthd/exec/log_model.h"

/* One byte of the log, in the order of time. */
struct cell {
	unsigned stream;
	uint64_t offset;
	uint64_t time_ns;
	uint8_t byte;
	const char *reason;
};

struct model {
	const struct log_fixture *f;
	const struct log_query *q;
	struct cell *cells;
	size_t n;
	uint64_t end[TIMELINE_STREAMS];
	uint64_t from[TIMELINE_STREAMS], to[TIMELINE_STREAMS];
};

static void
add_rec(struct model *m, const struct log_fixture_rec *rec, uint64_t time_ns)
{
	const struct timeline_drop *drop = &m->f->drop[rec->stream];

	m->cells = xrealloc(m->cells,
			    (m->n + rec->length + 1) * sizeof(*m->cells));
	for (uint64_t i = rec->offset; i < rec->offset + rec->length; i++) {
		const char *reason = rec->kind == FIXTURE_LOST ? "disk_full"
							       : NULL;

		if (i >= drop->from && i < drop->to)
			reason = "dropped";
		m->cells[m->n++] = (struct cell){ rec->stream, i, time_ns,
						  m->f->bytes[rec->stream][i],
						  reason };
	}
	m->end[rec->stream] = rec->offset + rec->length;
}

static bool
is_wanted(const struct model *m, unsigned s)
{
	return (m->q->streams & BIT(s)) != 0;
}

static bool
is_line_end(const struct cell *c)
{
	return c->byte == '\n' && c->reason == NULL;
}

static bool
in_range(const struct model *m, const struct cell *c)
{
	return is_wanted(m, c->stream) && c->offset >= m->from[c->stream] &&
	       c->offset < m->to[c->stream];
}

/* The cell of a stream's byte. */
static const struct cell *
at(const struct model *m, unsigned s, uint64_t offset)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->cells[i].stream == s && m->cells[i].offset == offset)
			return &m->cells[i];
	}
	abort();
}

static uint64_t
line_start(const struct model *m, unsigned s, uint64_t pos, uint64_t low)
{
	while (pos > low && !is_line_end(at(m, s, pos - 1)))
		pos--;
	return pos;
}

static uint64_t
line_end(const struct model *m, unsigned s, uint64_t pos, uint64_t high)
{
	while (pos < high) {
		if (is_line_end(at(m, s, pos++)))
			break;
	}
	return pos;
}

static void
by_time(struct model *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct cell *c = &m->cells[i];

		if (!is_wanted(m, c->stream))
			continue;
		m->from[c->stream] += c->time_ns < m->q->since_ns;
		m->to[c->stream] += c->time_ns <= m->q->until_ns;
	}
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		m->to[s] = MAX(m->from[s], m->to[s]);
		if (!log_query_wants_lines(m->q) || m->from[s] == m->to[s])
			continue;
		if (m->to[s] < m->end[s])
			m->to[s] = line_start(m, s, m->to[s], m->from[s]);
		if (m->from[s] < m->to[s])
			m->from[s] = line_start(m, s, m->from[s], 0);
	}
}

static void
tail_bytes(struct model *m)
{
	uint64_t left = m->q->count, from[] = { m->to[0], m->to[1] };

	for (size_t i = m->n; i > 0 && left > 0; i--) {
		const struct cell *c = &m->cells[i - 1];

		if (in_range(m, c)) {
			from[c->stream] = c->offset;
			left--;
		}
	}
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		if (log_query_wants_lines(m->q) && from[s] > m->from[s])
			from[s] = line_end(m, s, from[s], m->to[s]);
		m->from[s] = from[s];
	}
}

/* Does the stream's range end in the middle of a line? */
static bool
is_open(const struct model *m, unsigned s)
{
	const struct cell *c;

	if (m->from[s] >= m->to[s])
		return false;
	c = at(m, s, m->to[s] - 1);
	return !is_line_end(c) &&
	       !(c->reason && strcmp(c->reason, "dropped") == 0);
}

static void
tail_lines(struct model *m)
{
	uint64_t left = m->q->count, from[] = { m->to[0], m->to[1] };

	for (unsigned s = TIMELINE_STREAMS; s-- > 0 && left > 0;) {
		if (is_open(m, s)) {
			from[s] = line_start(m, s, m->to[s], m->from[s]);
			left--;
		}
	}
	for (size_t i = m->n; i > 0 && left > 0; i--) {
		const struct cell *c = &m->cells[i - 1];

		if (in_range(m, c) && is_line_end(c)) {
			from[c->stream] = line_start(m, c->stream, c->offset,
						     m->from[c->stream]);
			left--;
		}
	}
	if (left == 0)
		memcpy(m->from, from, sizeof(from));
}

static void
head(struct model *m)
{
	bool lines = m->q->pick == LOG_PICK_HEAD_LINES;
	uint64_t left = m->q->count, to[] = { m->from[0], m->from[1] };

	for (size_t i = 0; i < m->n && left > 0; i++) {
		const struct cell *c = &m->cells[i];

		if (in_range(m, c)) {
			to[c->stream] = c->offset + 1;
			left -= lines ? is_line_end(c) : 1;
		}
	}
	if (left > 0)
		return;
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		if ((lines || log_query_wants_lines(m->q)) && to[s] < m->to[s])
			to[s] = line_start(m, s, to[s], m->from[s]);
		m->to[s] = to[s];
	}
}

static void
build(struct model *m, bool is_ended)
{
	uint64_t last_ns = 0;

	for (size_t i = 0; i < m->f->n_recs; i++) {
		const struct log_fixture_rec *rec = &m->f->recs[i];

		if (rec->kind != FIXTURE_UNCOVERED)
			last_ns = rec->time_ns;
		if (rec->kind != FIXTURE_UNCOVERED || is_ended)
			add_rec(m, rec, last_ns);
	}
	by_time(m);
	switch (m->q->pick) {
	case LOG_PICK_TAIL_BYTES:
		tail_bytes(m);
		break;
	case LOG_PICK_TAIL_LINES:
		tail_lines(m);
		break;
	case LOG_PICK_HEAD_BYTES:
	case LOG_PICK_HEAD_LINES:
		head(m);
		break;
	case LOG_PICK_OFFSET:
		for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
			if (!is_wanted(m, s))
				continue;
			m->from[s] = MAX(m->from[s], m->q->offset[s]);
			m->to[s] = MAX(m->to[s], m->from[s]);
		}
		break;
	case LOG_PICK_ALL:
		break;
	}
}

void
log_model_range(const struct log_fixture *f, bool is_ended,
		const struct log_query *q, struct log_range *ret)
{
	struct model m = { .f = f, .q = q };

	build(&m, is_ended);
	memcpy(ret->from, m.from, sizeof(m.from));
	memcpy(ret->to, m.to, sizeof(m.to));
	free(m.cells);
}

void
log_model_join_end(struct log_model_joiner *j)
{
	if (j->length > 0)
		buf_addf(j->out, "%u %" PRIu64 "+%" PRIu64 " %s\n", j->stream,
			 j->offset, j->length, j->reason);
	j->length = 0;
}

void
log_model_join(struct log_model_joiner *j, unsigned stream, uint64_t offset,
	       uint64_t length, const char *reason)
{
	if (j->length > 0 && j->stream == stream &&
	    j->offset + j->length == offset &&
	    strcmp(j->reason, reason ? reason : "data") == 0) {
		j->length += length;
		return;
	}
	log_model_join_end(j);
	j->stream = stream;
	j->offset = offset;
	j->length = length;
	snprintf(j->reason, sizeof(j->reason), "%s", reason ? reason : "data");
}

typedef void cell_fn(const struct cell *c, uint64_t n, void *owner);

/*
 * All cells of the range, in order, within max_bytes; a dropped range comes
 * once, as one cell of `n' bytes.
 */
static void
walk(struct model *m, uint64_t max_bytes, cell_fn *fn, void *owner)
{
	uint64_t next[] = { 0, 0 };

	for (size_t i = 0; i < m->n && max_bytes > 0; i++) {
		const struct cell *c = &m->cells[i];
		uint64_t n = 1;

		if (!in_range(m, c) || c->offset < next[c->stream])
			continue;
		if (c->reason && strcmp(c->reason, "dropped") == 0)
			n = MIN(m->f->drop[c->stream].to, m->to[c->stream]) -
			    c->offset;
		if (c->reason == NULL)
			max_bytes--;
		next[c->stream] = c->offset + n;
		fn(c, n, owner);
	}
}

static void
join_cell(const struct cell *c, uint64_t n, void *owner)
{
	log_model_join(owner, c->stream, c->offset, n, c->reason);
}

void
log_model_pieces(const struct log_fixture *f, bool is_ended,
		 const struct log_query *q, struct buf *out)
{
	struct model m = { .f = f, .q = q };
	struct log_model_joiner j = { .out = out };

	build(&m, is_ended);
	walk(&m, q->max_bytes, join_cell, &j);
	log_model_join_end(&j);
	free(m.cells);
}

/* Lines, as they come to their ends. */
struct liner {
	const struct log_query *q;
	struct buf *out;
	struct buf line[TIMELINE_STREAMS];
	uint64_t start[TIMELINE_STREAMS];
	uint64_t time_ns[TIMELINE_STREAMS];
	struct cell gap; /* not written yet, if gap_n > 0 */
	uint64_t gap_n;
	uint64_t left;
	bool has_any, is_full;
};

static bool
matches(const struct log_query *q, const struct buf *line)
{
	AUTO_FREE char *text = xcalloc(1, line->len + 1);
	regex_t regex;
	bool found;
	size_t n = line->len;

	if (q->grep[0] == '\0')
		return true;
	memcpy(text, buf_bytes(line), n);
	if (n > 0 && text[n - 1] == '\r')
		n--;
	if (!q->is_regex)
		return memmem(text, n, q->grep, strlen(q->grep)) != NULL;
	text[n] = '\0';
	if (regcomp(&regex, q->grep, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
	found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

static bool
is_codexd(const struct log_query *q)
{
	return !q->follow && (q->streams & (q->streams - 1)) == 0;
}

static bool
is_joined(const struct log_query *q)
{
	return q->format == LOG_TEXT && q->pick == LOG_PICK_TAIL_LINES &&
	       !q->follow;
}

static void
event(struct liner *l, unsigned s, const struct buf *line, bool is_partial)
{
	struct jsonw w = JSONW_INIT(l->out);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "type", "log");
	jsonw_str(&w, "stream", s ? "stderr" : "stdout");
	jsonw_strn(&w, "line", buf_bytes(line), line->len);
	jsonw_u64(&w, "offset", l->start[s]);
	jsonw_time(&w, "time", l->time_ns[s]);
	if (is_partial)
		jsonw_bool(&w, "partial", true);
	if (!utf8_valid(buf_bytes(line), line->len)) {
		AUTO_BUF text = BUF_INIT(1 << 20);

		base64_add(&text, buf_bytes(line), line->len);
		jsonw_str(&w, "bytes", buf_text(&text));
	}
	jsonw_object_end(&w);
	buf_adds(l->out, "\n");
}

static void
end_line(struct liner *l, unsigned s, bool has_end, bool is_partial)
{
	const struct log_query *q = l->q;
	struct buf *line = &l->line[s];
	uint64_t size = line->len + has_end;
	bool strip_cr = is_joined(q) || !is_codexd(q) ||
			q->pick == LOG_PICK_TAIL_LINES;
	uint64_t cost;

	if (q->format != LOG_JSONL && !is_joined(q))
		strip_cr = false;
	if (q->strip_ansi) {
		enum log_ansi state = LOG_ANSI_TEXT;

		line->len = log_ansi_strip(&state, buf_bytes(line), line->len);
	}
	if (strip_cr && !is_partial && line->len > 0 &&
	    buf_bytes(line)[line->len - 1] == '\r')
		line->len--;
	cost = line->len + has_end;
	if (!matches(q, line) || l->is_full) {
		;
	} else if (q->grep[0] && cost > l->left) {
		l->is_full = true;
	} else if (q->format == LOG_JSONL) {
		if (line->len > 0 || !is_codexd(q))
			event(l, s, line, is_partial);
	} else if (is_joined(q)) {
		if (l->has_any)
			buf_adds(l->out, "\n");
		buf_add(l->out, buf_bytes(line), line->len);
		l->has_any = true;
	} else {
		buf_add(l->out, buf_bytes(line), line->len);
		if (has_end)
			buf_adds(l->out, "\n");
	}
	if (!l->is_full && matches(q, line) &&
	    !(q->format == LOG_JSONL && line->len == 0 && is_codexd(q)))
		l->left -= MIN(cost, l->left);
	l->start[s] += size;
	buf_clear(line);
}

static void
end_gap(struct liner *l)
{
	struct jsonw w = JSONW_INIT(l->out);

	if (l->gap_n == 0 || l->is_full)
		return;
	if (l->q->format == LOG_JSONL) {
		jsonw_object(&w, NULL);
		jsonw_str(&w, "type", "gap");
		jsonw_str(&w, "stream", l->gap.stream ? "stderr" : "stdout");
		jsonw_u64(&w, "offset", l->gap.offset);
		jsonw_u64(&w, "length", l->gap_n);
		jsonw_str(&w, "reason", l->gap.reason);
		jsonw_object_end(&w);
		buf_adds(l->out, "\n");
	}
	l->gap_n = 0;
}

static void
line_cell(const struct cell *c, uint64_t n, void *owner)
{
	struct liner *l = owner;
	unsigned s = c->stream;

	if (c->reason) {
		if (l->gap_n > 0 && l->gap.stream == s &&
		    strcmp(l->gap.reason, c->reason) == 0 &&
		    l->gap.offset + l->gap_n == c->offset) {
			l->gap_n += n;
		} else {
			end_gap(l);
			if (l->line[s].len > 0)
				end_line(l, s, false, true);
			l->gap = *c;
			l->gap_n = n;
		}
		l->start[s] = c->offset + n;
		return;
	}
	end_gap(l);
	l->time_ns[s] = c->time_ns;
	if (c->byte == '\n')
		end_line(l, s, true, false);
	else
		buf_add(&l->line[s], &c->byte, 1);
}

struct byter {
	struct buf *out;
	bool strip;
	enum log_ansi state[TIMELINE_STREAMS];
};

static void
byte_cell(const struct cell *c, uint64_t n, void *owner)
{
	struct byter *b = owner;
	uint8_t byte = c->byte;

	(void)n;
	if (c->reason)
		b->state[c->stream] = LOG_ANSI_TEXT;
	else
		buf_add(b->out, &byte,
			b->strip
			    ? log_ansi_strip(&b->state[c->stream], &byte, 1)
			    : 1);
}

static void
write_lines(struct model *m, struct buf *out)
{
	const struct log_query *q = m->q;
	struct liner l = { .q = q, .out = out, .left = q->max_bytes };

	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		buf_init(&l.line[s], 1 << 20);
		l.start[s] = m->from[s];
	}
	walk(m, q->grep[0] ? UINT64_MAX : q->max_bytes, line_cell, &l);
	end_gap(&l);
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		uint64_t fed = l.start[s] + l.line[s].len;

		if (l.line[s].len > 0)
			end_line(&l, s, false, fed < m->to[s]);
		buf_fini(&l.line[s]);
	}
}

void
log_model_body(const struct log_fixture *f, bool is_ended,
	       const struct log_query *q, struct buf *out)
{
	struct model m = { .f = f, .q = q };
	struct byter b = { .out = out, .strip = q->strip_ansi };

	build(&m, is_ended);
	if (q->format == LOG_JSONL || q->grep[0] || is_joined(q))
		write_lines(&m, out);
	else
		walk(&m, q->max_bytes, byte_cell, &b);
	free(m.cells);
}

static uint64_t
random_time(const struct log_fixture *f)
{
	uint64_t span = f->now_ns - f->recs[0].time_ns + 2;

	return f->recs[0].time_ns - 1 + log_fixture_below((uint32_t)span);
}

void
log_model_query(const struct log_fixture *f, struct log_query *ret)
{
	static const char *const patterns[] = { "error", "a.*q", "^$",
						"[0-9]+ ?$", "w(arn)" };
	struct log_query q = {
		.format = (enum log_format)log_fixture_below(LOG_FRAMES),
		.streams = 1 + log_fixture_below(3),
		.pick = (enum log_pick)log_fixture_below(6),
		.until_ns = UINT64_MAX,
		.max_bytes = UINT64_MAX,
		.strip_ansi = log_fixture_below(4) == 0,
	};
	uint32_t size = (uint32_t)(f->size[0] + f->size[1]) + 10;

	q.count = log_fixture_below(3) ? log_fixture_below(size)
				       : log_fixture_below(10);
	q.offset[0] = log_fixture_below((uint32_t)f->size[0] + 5);
	q.offset[1] = log_fixture_below((uint32_t)f->size[1] + 5);
	if (log_fixture_below(3) == 0)
		q.since_ns = random_time(f);
	if (log_fixture_below(3) == 0)
		q.until_ns = random_time(f);
	if (log_fixture_below(3) == 0)
		q.max_bytes = log_fixture_below(size);
	if (log_fixture_below(4) == 0) {
		uint32_t i = log_fixture_below(ARRAY_SIZE(patterns));

		snprintf(q.grep, sizeof(q.grep), "%s", patterns[i]);
		q.is_regex = i > 0;
	}
	*ret = q;
}
