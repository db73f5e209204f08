/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_lines.h"

#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"
#include "berthd/exec/log_match.h"
#include "berthd/exec/log_merge.h"

#define TIME 1700000000500000000ull

/* Feed `n' bytes as they come, in portions of `portion', as a follower does. */
static void
feed_all(struct log_lines *l, const void *bytes, size_t n, size_t portion,
	 struct buf *out)
{
	const uint8_t *all = bytes;
	uint64_t pos = 0;

	while (pos < n && !l->is_full) {
		size_t more = MIN(portion, n - (size_t)pos);
		uint64_t start = l->streams[0].start;
		struct log_feed feed = {
			.bytes = all + start,
			.n = (size_t)(pos + more - start),
			.n_old = (size_t)(pos - start),
			.time_ns = TIME,
		};

		pos += log_lines_feed(l, &feed, out);
		if (out->len >= LOG_LINES_ENOUGH)
			break;
	}
	assert_true(l->streams[0].start <= pos);
	log_lines_flush(l, 0, all + l->streams[0].start,
			(size_t)(pos - l->streams[0].start), pos < n, out);
}

#define assert_lines(l, in, want)                                              \
	do {                                                                   \
		for (size_t portion_ = 1; portion_ <= strlen(in);              \
		     portion_++) {                                             \
			AUTO_BUF out_ = BUF_INIT(LOG_LINES_OUT_MAX);           \
			struct log_lines l_ = l;                               \
			feed_all(&l_, in, strlen(in), portion_, &out_);        \
			assert_string_equal(buf_text(&out_), want);            \
		}                                                              \
	} while (0)

#define LOG(line, offset)                                                      \
	"{\"type\":\"log\",\"stream\":\"stdout\",\"line\":\"" line             \
	"\",\"offset\":" offset ",\"time\":\"2023-11-14T22:13:20.5Z\""

static void
lines_become_events(void **state UNUSED)
{
	struct log_lines l = { .kind = LOG_LINES_JSON,
			       .max_bytes = UINT64_MAX };

	assert_lines(l, "one\n\ntw\"o\r\nopen",
		     LOG("one", "0") "}\n" LOG("", "4") "}\n" LOG(
			 "tw\\\"o\\r", "5") "}\n" LOG("open", "11") "}\n");
	l.strip_cr = true;
	l.skip_empty = true;
	assert_lines(l, "one\n\r\ntwo\r\r\n",
		     LOG("one", "0") "}\n" LOG("two\\r", "6") "}\n");
}

static void
bytes_that_are_no_text_come_twice(void **state UNUSED)
{
	struct log_lines l = { .kind = LOG_LINES_JSON,
			       .max_bytes = UINT64_MAX };

	assert_lines(l, "a\xff\n",
		     LOG("a\xef\xbf\xbd", "0") ",\"bytes\":\"Yf8=\"}\n");
}

static void
matching_lines_come_as_they_are(void **state UNUSED)
{
	struct err err = ERR_INIT;
	struct log_match *match = log_match_new("o$", true, &err);
	struct log_lines l = {
		.kind = LOG_LINES_TEXT,
		.match = match,
		.max_bytes = UINT64_MAX,
	};

	assert_lines(l, "one\ntwo\r\nthree\nzoo", "two\r\nzoo");
	l.max_bytes = 7;
	assert_lines(l, "one\ntwo\r\nthree\nzoo", "two\r\n");
	l.max_bytes = 4;
	assert_lines(l, "one\ntwo\r\nthree\nzoo", "");
	log_match_free(match);
}

static void
joined_lines_have_no_last_end(void **state UNUSED)
{
	struct log_lines l = {
		.kind = LOG_LINES_JOINED,
		.strip_cr = true,
		.max_bytes = UINT64_MAX,
	};

	assert_lines(l, "one\r\n\ntwo\n", "one\n\ntwo");
	assert_lines(l, "one\ntwo", "one\ntwo");
	assert_lines(l, "\n", "");
}

static void
sequences_are_stripped_before_matching(void **state UNUSED)
{
	struct err err = ERR_INIT;
	struct log_match *match = log_match_new("error: x", false, &err);
	struct log_lines l = {
		.kind = LOG_LINES_TEXT,
		.strip_ansi = true,
		.match = match,
		.max_bytes = UINT64_MAX,
	};

	assert_lines(l, "\033[31merror:\033[0m x\n\033[31mwarn\n",
		     "error: x\n");
	log_match_free(match);
}

/* A line of `n' bytes, each of them `c', and an end. */
static char *
long_line(size_t n, char c)
{
	char *line = xmalloc(n + 2);

	memset(line, c, n);
	line[n] = '\n';
	line[n + 1] = '\0';
	return line;
}

static unsigned
count(const struct buf *out, const char *text)
{
	unsigned n = 0;

	for (const char *p = buf_text(out); (p = strstr(p, text)); p++)
		n++;
	return n;
}

static void
a_long_line_comes_in_parts(void **state UNUSED)
{
	static const struct {
		size_t n;
		unsigned parts;
	} rows[] = {
		{ LOG_LINE_MAX - 1, 1 },
		{ LOG_LINE_MAX, 1 },
		{ LOG_LINE_MAX + 1, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *line = long_line(rows[i].n, 'x');
		AUTO_BUF out = BUF_INIT(LOG_LINES_OUT_MAX);
		struct log_lines l = { .kind = LOG_LINES_JSON,
				       .max_bytes = UINT64_MAX };

		feed_all(&l, line, rows[i].n + 1, 1000, &out);
		assert_int_equal(count(&out, "\"type\":\"log\""),
				 rows[i].parts);
		assert_int_equal(count(&out, "\"partial\":true"),
				 rows[i].parts - 1);
	}
}

static void
parts_end_between_letters(void **state UNUSED)
{
	AUTO_FREE char *line = long_line(LOG_LINE_MAX + 4, 'x');

	for (size_t at = LOG_LINE_MAX - 4; at <= LOG_LINE_MAX; at++) {
		AUTO_BUF out = BUF_INIT(LOG_LINES_OUT_MAX);
		struct log_lines l = { .kind = LOG_LINES_JSON,
				       .max_bytes = UINT64_MAX };

		memset(line, 'x', LOG_LINE_MAX + 4);
		memcpy(line + at, "\xf0\x9f\x98\x80", 4);
		feed_all(&l, line, LOG_LINE_MAX + 5, 100000, &out);
		assert_int_equal(count(&out, "\"type\":\"log\""), 2);
		assert_int_equal(count(&out, "\"bytes\""), 0);
		assert_int_equal(count(&out, "\xf0\x9f\x98\x80"), 1);
	}
}

static void
a_part_that_matches_brings_the_others(void **state UNUSED)
{
	AUTO_FREE char *yes = long_line(3 * LOG_LINE_MAX + 7, 'x');
	AUTO_FREE char *no = long_line(3 * LOG_LINE_MAX + 7, 'x');
	struct err err = ERR_INIT;
	struct log_match *match = log_match_new("here", false, &err);
	struct log_lines l = {
		.kind = LOG_LINES_TEXT,
		.match = match,
		.max_bytes = UINT64_MAX,
	};
	AUTO_BUF out = BUF_INIT(LOG_LINES_OUT_MAX);
	size_t n = 3 * LOG_LINE_MAX + 8;

	memcpy(yes + 5, "here", 4);
	memcpy(no + n - 10, "here", 4);
	feed_all(&l, no, n, 1000, &out);
	assert_int_equal(out.len, 0);
	l.streams[0].start = 0;
	for (uint64_t pos = 0; pos < n;) {
		struct log_feed feed = {
			.bytes = (uint8_t *)yes + l.streams[0].start,
			.n = n - (size_t)l.streams[0].start,
			.n_old = (size_t)(pos - l.streams[0].start),
		};

		buf_clear(&out);
		pos += log_lines_feed(&l, &feed, &out);
		assert_true(out.len > 0);
	}
	log_match_free(match);
}

static void
feeding_pauses_when_enough_is_written(void **state UNUSED)
{
	enum { N = 400000 };
	AUTO_FREE char *text = xmalloc(N);
	AUTO_BUF out = BUF_INIT(LOG_LINES_OUT_MAX);
	struct log_lines l = { .kind = LOG_LINES_JSON,
			       .max_bytes = UINT64_MAX };
	unsigned lines = 0;
	uint64_t pos = 0;

	for (size_t i = 0; i < N; i++)
		text[i] = i % 40 == 39 ? '\n' : 'x';
	while (pos < N) {
		struct log_feed feed = {
			.bytes = (uint8_t *)text + l.streams[0].start,
			.n = N - (size_t)l.streams[0].start,
			.n_old = (size_t)(pos - l.streams[0].start),
		};

		pos += log_lines_feed(&l, &feed, &out);
		assert_true(out.len < LOG_LINES_ENOUGH + 1000);
		lines += count(&out, "\n");
		buf_clear(&out);
	}
	assert_int_equal(lines, N / 40);
}

static void
the_longest_event_fits(void **state UNUSED)
{
	AUTO_FREE char *line = long_line(LOG_LINE_MAX, '\001');
	AUTO_FREE char *filler = long_line(LOG_LINES_ENOUGH, 'x');
	AUTO_BUF out = BUF_INIT(LOG_LINES_OUT_MAX);
	struct log_lines l = { .kind = LOG_LINES_JSON,
			       .max_bytes = UINT64_MAX };

	line[0] = (char)0xff;
	assert_int_equal(buf_add(&out, filler, LOG_LINES_ENOUGH - 1), 0);
	feed_all(&l, line, LOG_LINE_MAX + 1, 100000, &out);
	assert_int_equal(count(&out, "\"bytes\""), 1);
}

static void
a_gap_is_an_event(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(LOG_LINES_OUT_MAX);
	struct log_lines l = { .kind = LOG_LINES_JSON,
			       .max_bytes = UINT64_MAX };
	struct log_piece gap = { TIMELINE_ERR, 10, 20, 0, "dropped" };

	log_lines_gap(&l, &gap, &out);
	assert_string_equal(buf_text(&out),
			    "{\"type\":\"gap\",\"stream\":\"stderr\","
			    "\"offset\":10,\"length\":20,"
			    "\"reason\":\"dropped\"}\n");
	assert_int_equal(l.streams[TIMELINE_ERR].start, 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_events),
		cmocka_unit_test(bytes_that_are_no_text_come_twice),
		cmocka_unit_test(matching_lines_come_as_they_are),
		cmocka_unit_test(joined_lines_have_no_last_end),
		cmocka_unit_test(sequences_are_stripped_before_matching),
		cmocka_unit_test(a_long_line_comes_in_parts),
		cmocka_unit_test(parts_end_between_letters),
		cmocka_unit_test(a_part_that_matches_brings_the_others),
		cmocka_unit_test(feeding_pauses_when_enough_is_written),
		cmocka_unit_test(the_longest_event_fits),
		cmocka_unit_test(a_gap_is_an_event),
	};

	return RUN_TESTS(tests);
}
