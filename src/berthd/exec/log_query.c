/* SPDX-License-Identifier: ISC */

/*
 * Log queries; see log_query.h.
 *
 * One row per parameter puts its value into a draft; what depends on several
 * of them is decided when all are known.
 */

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"
#include "http/head.h"
#include "berthd/exec/timeline.h"
#include "berthd/exec/log_query.h"

struct draft {
	struct log_query q;
	uint64_t now_ns;
	bool is_full;
	bool has_tail, has_tail_lines;
	uint64_t tail, tail_lines;
	unsigned n_begins; /* of our own parameters that say where to begin */
	bool has_offset, has_stream_offset;
};

/* `value' is not empty. */
typedef int set_fn(struct draft *d, const char *value, struct err *err);

struct word {
	const char *word;
	unsigned value;
};

static int
find_word(const struct word *words, size_t n, const char *text,
	  unsigned *ret_value)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(words[i].word, text)) {
			*ret_value = words[i].value;
			return 0;
		}
	}
	return -1;
}

static int
set_stream(struct draft *d, const char *value, struct err *err)
{
	static const struct word words[] = {
		{ "stdout", BIT(TIMELINE_OUT) },
		{ "stderr", BIT(TIMELINE_ERR) },
		{ "both", BIT(TIMELINE_OUT) | BIT(TIMELINE_ERR) },
	};

	if (find_word(words, ARRAY_SIZE(words), value, &d->q.streams) < 0)
		return err_set(err, ERR_INVALID,
			       "must be stdout, stderr or both");
	return 0;
}

static int
set_format(struct draft *d, const char *value, struct err *err)
{
	static const struct word words[] = {
		{ "text", LOG_TEXT },
		{ "raw", LOG_RAW },
		{ "jsonl", LOG_JSONL },
		{ "frames", LOG_FRAMES },
	};
	unsigned format;

	_Static_assert(ARRAY_SIZE(words) == LOG_FORMATS, "a word per format");
	if (find_word(words, ARRAY_SIZE(words), value, &format) < 0)
		return err_set(err, ERR_INVALID,
			       "must be text, raw, jsonl or frames");
	d->q.format = (enum log_format)format;
	return 0;
}

/* As codexd reads numbers: a sign may stand in front. */
static int
parse_signed(const char *value, int64_t *ret, struct err *err)
{
	bool plus = value[0] == '+' && value[1] != '-';

	return parse_i64(value + plus, INT64_MIN + 1, INT64_MAX, ret, err);
}

static int
set_tail(struct draft *d, const char *value, struct err *err)
{
	int64_t n;

	if (parse_signed(value, &n, err) < 0 || n < 0)
		n = LOG_DEFAULT_TAIL;
	d->tail = (uint64_t)n;
	d->has_tail = true;
	return 0;
}

static int
set_tail_lines(struct draft *d, const char *value, struct err *err)
{
	int64_t n;

	if (parse_signed(value, &n, err) < 0 || n < 0)
		return err_set(err, ERR_INVALID, "must be >= 0");
	d->tail_lines = (uint64_t)n;
	d->has_tail_lines = true;
	return 0;
}

static int
set_full(struct draft *d, const char *value, struct err *err)
{
	(void)err;
	d->is_full = str_eq(value, "true");
	return 0;
}

static void
begin_with(struct draft *d, enum log_pick pick)
{
	d->q.pick = pick;
	d->n_begins++;
}

static int
set_head(struct draft *d, const char *value, struct err *err)
{
	begin_with(d, LOG_PICK_HEAD_BYTES);
	return parse_bytes(value, &d->q.count, err);
}

static int
set_head_lines(struct draft *d, const char *value, struct err *err)
{
	begin_with(d, LOG_PICK_HEAD_LINES);
	return parse_u64(value, 0, INT64_MAX, &d->q.count, err);
}

static int
set_offset(struct draft *d, const char *value, struct err *err)
{
	begin_with(d, LOG_PICK_OFFSET);
	d->has_offset = true;
	if (parse_u64(value, 0, INT64_MAX, &d->q.offset[0], err) < 0)
		return -1;
	d->q.offset[1] = d->q.offset[0];
	return 0;
}

static int
set_stream_offset(struct draft *d, unsigned stream, const char *value,
		  struct err *err)
{
	if (!d->has_stream_offset)
		begin_with(d, LOG_PICK_OFFSET);
	d->has_stream_offset = true;
	return parse_u64(value, 0, INT64_MAX, &d->q.offset[stream], err);
}

static int
set_offset_out(struct draft *d, const char *value, struct err *err)
{
	return set_stream_offset(d, TIMELINE_OUT, value, err);
}

static int
set_offset_err(struct draft *d, const char *value, struct err *err)
{
	return set_stream_offset(d, TIMELINE_ERR, value, err);
}

/* codexd trims what stands around a time. */
static int
set_moment(struct draft *d, const char *value, uint64_t *ret_ns,
	   struct err *err)
{
	static const char space[] = " \t\r\n\v\f";
	const char *from = value + strspn(value, space);
	AUTO_FREE char *text = xstrdup(from);
	size_t n = strlen(text);

	while (n > 0 && strchr(space, text[n - 1]))
		text[--n] = '\0';
	if (n == 0)
		return 0;
	return moment_parse(text, d->now_ns, ret_ns, err);
}

static int
set_since(struct draft *d, const char *value, struct err *err)
{
	return set_moment(d, value, &d->q.since_ns, err);
}

static int
set_until(struct draft *d, const char *value, struct err *err)
{
	return set_moment(d, value, &d->q.until_ns, err);
}

static int
set_max_bytes(struct draft *d, const char *value, struct err *err)
{
	return parse_bytes(value, &d->q.max_bytes, err);
}

static int
set_pattern(struct draft *d, const char *value, bool is_regex, struct err *err)
{
	size_t n = strlen(value);

	if (d->q.grep[0])
		return err_set(err, ERR_INVALID,
			       "grep and grep_re exclude each other");
	if (n >= sizeof(d->q.grep))
		return err_set(err, ERR_INVALID, "longer than %zu bytes",
			       sizeof(d->q.grep) - 1);
	memcpy(d->q.grep, value, n + 1);
	d->q.is_regex = is_regex;
	return 0;
}

static int
set_grep(struct draft *d, const char *value, struct err *err)
{
	return set_pattern(d, value, false, err);
}

static int
set_grep_re(struct draft *d, const char *value, struct err *err)
{
	return set_pattern(d, value, true, err);
}

static int
set_bool(const char *value, bool *ret, struct err *err)
{
	static const struct word words[] = {
		{ "true", true },
		{ "1", true },
		{ "false", false },
		{ "0", false },
	};
	unsigned truth;

	if (find_word(words, ARRAY_SIZE(words), value, &truth) < 0)
		return err_set(err, ERR_INVALID, "must be true or false");
	*ret = truth;
	return 0;
}

static int
set_strip_ansi(struct draft *d, const char *value, struct err *err)
{
	return set_bool(value, &d->q.strip_ansi, err);
}

static int
set_follow(struct draft *d, const char *value, struct err *err)
{
	return set_bool(value, &d->q.follow, err);
}

struct param {
	const char *name;
	set_fn *set;
};

static const struct param params[] = {
	{ "stream", set_stream },
	{ "format", set_format },
	{ "tail", set_tail },
	{ "tail_lines", set_tail_lines },
	{ "full", set_full },
	{ "head", set_head },
	{ "head_lines", set_head_lines },
	{ "offset", set_offset },
	{ "offset_out", set_offset_out },
	{ "offset_err", set_offset_err },
	{ "since", set_since },
	{ "until", set_until },
	{ "max_bytes", set_max_bytes },
	{ "grep", set_grep },
	{ "grep_re", set_grep_re },
	{ "strip_ansi", set_strip_ansi },
	{ "follow", set_follow },
};

static bool
is_both(const struct log_query *q)
{
	return q->streams == (BIT(TIMELINE_OUT) | BIT(TIMELINE_ERR));
}

static bool
wants_a_glance(const struct log_query *q)
{
	return q->since_ns == 0 && q->until_ns == UINT64_MAX &&
	       q->grep[0] == '\0' &&
	       (q->format == LOG_TEXT || q->format == LOG_JSONL);
}

/* Where to begin, by codexd's precedence when no parameter of ours says. */
static void
choose_pick(struct draft *d)
{
	struct log_query *q = &d->q;

	if (d->n_begins > 0 || d->is_full)
		return;
	if (d->has_tail_lines && d->tail_lines > 0) {
		q->pick = LOG_PICK_TAIL_LINES;
		q->count = d->tail_lines;
	} else if (d->has_tail || wants_a_glance(q)) {
		q->pick = LOG_PICK_TAIL_BYTES;
		q->count = d->has_tail ? d->tail : LOG_DEFAULT_TAIL;
	}
}

static int
check(const struct draft *d, struct err *err)
{
	const struct log_query *q = &d->q;

	if (d->n_begins > 1 ||
	    (d->n_begins == 1 &&
	     (d->is_full || d->has_tail || d->has_tail_lines)))
		return err_set(err, ERR_INVALID,
			       "only one of full, tail, tail_lines, head, "
			       "head_lines and offset can be given");
	if (d->has_offset && is_both(q))
		return err_set(err, ERR_INVALID,
			       "with stream=both say offset_out and "
			       "offset_err instead of offset");
	if (d->has_stream_offset && !is_both(q))
		return err_set(err, ERR_INVALID,
			       "offset_out and offset_err need stream=both");
	if (q->follow &&
	    (q->pick == LOG_PICK_HEAD_BYTES || q->pick == LOG_PICK_HEAD_LINES))
		return err_set(err, ERR_INVALID,
			       "head and follow exclude each other");
	if (q->format == LOG_FRAMES && (q->grep[0] || q->strip_ansi))
		return err_set(err, ERR_INVALID,
			       "frames carry exact bytes: no grep, no "
			       "strip_ansi");
	return 0;
}

int
log_query_parse(const struct http_head *head, struct log_query *ret,
		struct err *err)
{
	struct draft d = {
		.q = {
			.streams = BIT(TIMELINE_OUT),
			.until_ns = UINT64_MAX,
			.max_bytes = UINT64_MAX,
		},
		.now_ns = clock_wall_ns(),
	};

	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		AUTO_FREE char *value = http_head_query(head, params[i].name);

		if (value == NULL || *value == '\0')
			continue;
		if (params[i].set(&d, value, err) < 0)
			return err_wrap(err, "%s", params[i].name);
	}
	if (check(&d, err) < 0)
		return -1;
	choose_pick(&d);
	*ret = d.q;
	return 0;
}

void
log_query_init_run(struct log_query *query)
{
	*query = (struct log_query){
		.format = LOG_JSONL,
		.streams = BIT(TIMELINE_OUT) | BIT(TIMELINE_ERR),
		.until_ns = UINT64_MAX,
		.max_bytes = UINT64_MAX,
		.follow = true,
		.is_run = true,
	};
}

bool
log_query_wants_lines(const struct log_query *query)
{
	return query->format == LOG_JSONL || query->format == LOG_TEXT ||
	       query->grep[0] != '\0';
}
