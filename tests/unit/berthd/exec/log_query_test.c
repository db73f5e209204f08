/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_query.h"

#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "berthd/exec/timeline.h"
#include "core/clock.h"
#include "http/head.h"

#define OUT BIT(TIMELINE_OUT)
#define ERR BIT(TIMELINE_ERR)

static int
parse(const char *text, struct log_query *ret, struct err *err)
{
	struct http_head head = {
		.method = "GET",
		.target = "/",
		.path = "/",
		.query = text,
	};

	return log_query_parse(&head, ret, err);
}

static struct log_query
parsed(const char *text)
{
	struct log_query q = { 0 };
	struct err err = ERR_INIT;

	if (parse(text, &q, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return q;
}

static void
the_pick_follows_codexds_precedence(void **state UNUSED)
{
	static const struct {
		const char *query;
		enum log_pick pick;
		uint64_t count;
	} rows[] = {
		{ "", LOG_PICK_TAIL_BYTES, 2000 },
		{ "tail=", LOG_PICK_TAIL_BYTES, 2000 },
		{ "tail=10", LOG_PICK_TAIL_BYTES, 10 },
		{ "tail=0", LOG_PICK_TAIL_BYTES, 0 },
		{ "tail=%2B7", LOG_PICK_TAIL_BYTES, 7 },
		{ "tail=-5", LOG_PICK_TAIL_BYTES, 2000 },
		{ "tail=10k", LOG_PICK_TAIL_BYTES, 2000 },
		{ "tail=99999999999999999999", LOG_PICK_TAIL_BYTES, 2000 },
		{ "tail_lines=3", LOG_PICK_TAIL_LINES, 3 },
		{ "tail_lines=3&tail=10", LOG_PICK_TAIL_LINES, 3 },
		{ "tail_lines=0", LOG_PICK_TAIL_BYTES, 2000 },
		{ "tail_lines=0&tail=10", LOG_PICK_TAIL_BYTES, 10 },
		{ "full=true", LOG_PICK_ALL, 0 },
		{ "full=true&tail=5&tail_lines=3", LOG_PICK_ALL, 0 },
		{ "full=1", LOG_PICK_TAIL_BYTES, 2000 },
		{ "since=10m", LOG_PICK_ALL, 0 },
		{ "since=10m&tail=7", LOG_PICK_TAIL_BYTES, 7 },
		{ "until=2026-01-01T00:00:00Z", LOG_PICK_ALL, 0 },
		{ "since=%20", LOG_PICK_TAIL_BYTES, 2000 },
		{ "format=jsonl", LOG_PICK_TAIL_BYTES, 2000 },
		{ "format=raw", LOG_PICK_ALL, 0 },
		{ "format=frames", LOG_PICK_ALL, 0 },
		{ "grep=x", LOG_PICK_ALL, 0 },
		{ "grep=x&tail_lines=9", LOG_PICK_TAIL_LINES, 9 },
		{ "head=10", LOG_PICK_HEAD_BYTES, 10 },
		{ "head=4K", LOG_PICK_HEAD_BYTES, 4096 },
		{ "head_lines=0", LOG_PICK_HEAD_LINES, 0 },
		{ "something=else", LOG_PICK_TAIL_BYTES, 2000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct log_query q = parsed(rows[i].query);

		if (q.pick != rows[i].pick || q.count != rows[i].count)
			fail_msg("%s: pick %d, count %" PRIu64, rows[i].query,
				 q.pick, q.count);
	}
}

static void
words_become_values(void **state UNUSED)
{
	struct log_query q = parsed("");

	assert_int_equal(q.streams, OUT);
	assert_int_equal(q.format, LOG_TEXT);
	assert_false(q.follow || q.strip_ansi || q.is_run);
	assert_true(q.max_bytes == UINT64_MAX && q.until_ns == UINT64_MAX);
	q = parsed("stream=both&format=frames&follow=true&offset_out=5&"
		   "offset_err=7&max_bytes=1K");
	assert_int_equal(q.streams, OUT | ERR);
	assert_int_equal(q.format, LOG_FRAMES);
	assert_true(q.follow);
	assert_int_equal(q.pick, LOG_PICK_OFFSET);
	assert_int_equal(q.offset[TIMELINE_OUT], 5);
	assert_int_equal(q.offset[TIMELINE_ERR], 7);
	assert_int_equal(q.max_bytes, 1024);
	q = parsed("stream=stderr&offset=9&strip_ansi=1&follow=0");
	assert_int_equal(q.streams, ERR);
	assert_int_equal(q.offset[TIMELINE_ERR], 9);
	assert_true(q.strip_ansi);
	assert_false(q.follow);
	q = parsed("grep=a%20b%2Bc");
	assert_string_equal(q.grep, "a b+c");
	assert_false(q.is_regex);
	q = parsed("grep_re=%5Ea");
	assert_string_equal(q.grep, "^a");
	assert_true(q.is_regex);
}

static void
moments_are_times_or_ages(void **state UNUSED)
{
	struct log_query q = parsed(
	    "since=2026-01-01T00:00:00.5Z&until=%202026-01-01T01:00:00"
	    "%2B01:00%0A");
	uint64_t now = clock_wall_ns();

	assert_true(q.since_ns == 1767225600500000000ull);
	assert_true(q.until_ns == 1767225600000000000ull);
	q = parsed("since=1h30m");
	assert_true(now - q.since_ns < 5401 * NS_PER_S);
	assert_true(now - q.since_ns > 5399 * NS_PER_S);
}

static void
what_is_wrong_is_named(void **state UNUSED)
{
	static const struct {
		const char *query, *says;
	} rows[] = {
		{ "stream=stdin", "stream: must be stdout, stderr or both" },
		{ "format=xml", "format: must be text, raw, jsonl or frames" },
		{ "tail_lines=x", "tail_lines: must be >= 0" },
		{ "tail_lines=-1", "tail_lines: must be >= 0" },
		{ "since=yesterday", "since: \"yesterday\"" },
		{ "until=2026-13-01T00:00:00Z", "until: " },
		{ "head=-1", "head: " },
		{ "head_lines=1.5", "head_lines: " },
		{ "offset=0x10", "offset: " },
		{ "offset=9223372036854775808", "offset: " },
		{ "max_bytes=lots", "max_bytes: " },
		{ "follow=yes", "follow: must be true or false" },
		{ "strip_ansi=on", "strip_ansi: must be true or false" },
		{ "head=1&head_lines=1", "only one of" },
		{ "head=1&tail=1", "only one of" },
		{ "offset=1&full=true", "only one of" },
		{ "offset=1&stream=both", "offset_out and offset_err" },
		{ "offset_out=1", "need stream=both" },
		{ "offset=1&offset_out=1&stream=both", "only one of" },
		{ "head=1&follow=true", "head and follow" },
		{ "format=frames&grep=x", "frames carry exact bytes" },
		{ "format=frames&strip_ansi=true", "frames carry exact" },
		{ "grep=a&grep_re=b", "exclude each other" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct log_query q;
		struct err err = ERR_INIT;

		assert_int_equal(parse(rows[i].query, &q, &err), -1);
		assert_err(err, ERR_INVALID, rows[i].says);
	}
}

static void
a_pattern_has_a_limit(void **state UNUSED)
{
	char text[LOG_GREP_SIZE + 10] = "grep=";
	struct log_query q;
	struct err err = ERR_INIT;

	memset(text + 5, 'x', LOG_GREP_SIZE - 1);
	assert_int_equal(parse(text, &q, &err), 0);
	assert_int_equal(strlen(q.grep), LOG_GREP_SIZE - 1);
	text[5 + LOG_GREP_SIZE - 1] = 'x';
	assert_int_equal(parse(text, &q, &err), -1);
	assert_err(err, ERR_INVALID, "grep: longer than 1023 bytes");
}

static void
a_run_wants_everything(void **state UNUSED)
{
	struct log_query q;

	log_query_init_run(&q);
	assert_int_equal(q.format, LOG_JSONL);
	assert_int_equal(q.streams, OUT | ERR);
	assert_int_equal(q.pick, LOG_PICK_ALL);
	assert_true(q.follow && q.is_run);
	assert_true(log_query_wants_lines(&q));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pick_follows_codexds_precedence),
		cmocka_unit_test(words_become_values),
		cmocka_unit_test(moments_are_times_or_ages),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_pattern_has_a_limit),
		cmocka_unit_test(a_run_wants_everything),
	};

	return RUN_TESTS(tests);
}
