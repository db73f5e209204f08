/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_stream.h"

#include "tests/unit/unit.h"

#include <dirent.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/text.h"
#include "http/client.h"
#include "berthd/exec/log_body.h"
#include "tests/unit/berthd/exec/log_app.h"
#include "tests/unit/berthd/exec/log_fixture.h"
#include "tests/unit/berthd/exec/log_model.h"

struct fixture {
	struct log_app app;
	struct log_client c;
};

static void
start(struct fixture *x)
{
	log_app_init(&x->app);
	log_client_init(&x->c, &x->app);
}

static void
end(struct fixture *x)
{
	log_client_fini(&x->c);
	log_app_fini(&x->app);
}

static void
say(struct fixture *x, unsigned stream, const char *text)
{
	log_fixture_adds(&x->app.f, stream, text);
}

#define assert_body(x, want) assert_string_equal(buf_text(&(x)->c.body), want)

static void
text_is_codexds(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	say(&x, TIMELINE_OUT, "one\r\ntwo\n\nthree\n");
	say(&x, TIMELINE_ERR, "oops\n");
	log_app_end(&x.app);
	log_client_get(&x.c, "");
	assert_int_equal(x.c.status, 200);
	assert_string_equal(x.c.type, "text/plain; charset=utf-8");
	assert_body(&x, "one\r\ntwo\n\nthree\n");
	log_client_get(&x.c, "tail=10");
	assert_body(&x, "\nthree\n");
	log_client_get(&x.c, "tail_lines=4");
	assert_body(&x, "one\ntwo\n\nthree");
	log_client_get(&x.c, "tail_lines=2&stream=stderr");
	assert_body(&x, "oops");
	log_client_get(&x.c, "tail=0");
	assert_body(&x, "");
	log_client_get(&x.c, "full=true&format=jsonl");
	assert_string_equal(x.c.type, "application/x-ndjson; charset=utf-8");
	assert_non_null(strstr(buf_text(&x.c.body), "\"line\":\"one\\r\""));
	assert_null(strstr(buf_text(&x.c.body), "\"line\":\"\""));
	end(&x);
}

static void
the_head_says_what_there_is(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	say(&x, TIMELINE_OUT, "0123456789");
	log_client_get(&x.c, "format=raw&offset=3&max_bytes=4");
	assert_body(&x, "3456");
	assert_string_equal(x.c.type, "application/octet-stream");
	assert_string_equal(x.c.state, "running");
	assert_string_equal(x.c.length, "4");
	assert_string_equal(x.c.size, "10");
	assert_string_equal(x.c.range, "3-7");
	assert_null(x.c.gaps);
	say(&x, TIMELINE_ERR, "ab");
	log_fixture_add(&x.app.f, TIMELINE_ERR, "lost", 4, FIXTURE_LOST);
	say(&x, TIMELINE_OUT, "0123456789");
	log_fixture_drop(&x.app.f, TIMELINE_OUT, 5, 12);
	log_app_end(&x.app);
	log_client_get(&x.c, "format=raw&stream=both");
	assert_body(&x, "01234ab23456789");
	assert_string_equal(x.c.state, "finished");
	assert_string_equal(x.c.size, "stdout=20, stderr=6");
	assert_string_equal(x.c.range, "stdout=0-20, stderr=0-6");
	assert_string_equal(x.c.gaps,
			    "stdout=5-12(dropped), stderr=2-6(disk_full)");
	log_client_get(&x.c, "format=raw&offset=100");
	assert_body(&x, "");
	assert_string_equal(x.c.range, "100-100");
	end(&x);
}

static void
a_bad_expression_is_an_error_of_the_table(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	log_client_get(&x.c, "grep_re=%28");
	assert_int_equal(x.c.status, 400);
	assert_non_null(strstr(buf_text(&x.c.body), "INVALID"));
	assert_non_null(strstr(buf_text(&x.c.body), "grep_re: "));
	log_app_settle(&x.app);
	assert_int_equal(x.app.n_idle, 1);
	end(&x);
}

static void
files_that_cannot_be_opened_are_an_error(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	unlinkat(x.app.f.dir_fd, "out", 0);
	assert_int_equal(symlinkat("err", x.app.f.dir_fd, "out"), 0);
	log_client_get(&x.c, "");
	assert_int_equal(x.c.status, 500);
	assert_non_null(strstr(buf_text(&x.c.body), "open out"));
	end(&x);
}

static void
a_run_starts_and_finishes(void **state UNUSED)
{
	struct log_query run;
	struct fixture x;

	start(&x);
	log_query_init_run(&run);
	x.app.query = &run;
	log_client_start(&x.c, "");
	log_client_wait_bytes(&x.c, 1);
	assert_body(&x, "{\"type\":\"started\",\"exec_id\":\"01test\","
			"\"status\":\"running\"}\n");
	say(&x, TIMELINE_OUT, "one\n\ntw");
	log_client_wait_bytes(&x.c, x.c.n_total + 1);
	say(&x, TIMELINE_OUT, "o");
	log_app_settle(&x.app);
	assert_non_null(x.c.call);
	log_app_end(&x.app);
	log_client_wait(&x.c);
	assert_false(x.c.is_broken);
	assert_body(&x,
		    "{\"type\":\"started\",\"exec_id\":\"01test\","
		    "\"status\":\"running\"}\n"
		    "{\"type\":\"log\",\"stream\":\"stdout\",\"line\":\"one\","
		    "\"offset\":0,\"time\":\"2023-11-14T22:13:20Z\"}\n"
		    "{\"type\":\"log\",\"stream\":\"stdout\",\"line\":\"\","
		    "\"offset\":4,\"time\":\"2023-11-14T22:13:20Z\"}\n"
		    "{\"type\":\"log\",\"stream\":\"stdout\",\"line\":\"two\","
		    "\"offset\":5,\"time\":\"2023-11-14T22:13:20Z\"}\n"
		    "{\"type\":\"finished\",\"exec_id\":\"01test\","
		    "\"exit_code\":7}\n");
	end(&x);
}

struct frame {
	uint8_t type;
	uint8_t zero[3];
	uint32_t length;
	uint64_t offset;
};

/* The frame at `*at', and behind it. */
static const uint8_t *
next_frame(const struct buf *body, size_t *at, struct frame *ret)
{
	const uint8_t *bytes = buf_bytes(body) + *at;

	assert_true(*at + sizeof(*ret) <= body->len);
	memcpy(ret, bytes, sizeof(*ret));
	ret->length = le32toh(ret->length);
	ret->offset = le64toh(ret->offset);
	*at += sizeof(*ret) + ret->length;
	assert_true(*at <= body->len);
	return bytes + sizeof(*ret);
}

static void
frames_carry_bytes_and_events(void **state UNUSED)
{
	static const struct {
		enum log_frame type;
		uint64_t offset;
		const char *payload;
	} rows[] = {
		{ LOG_FRAME_STARTED, 0,
		  "{\"type\":\"started\",\"exec_id\":\"01test\","
		  "\"status\":\"running\"}" },
		{ LOG_FRAME_STDOUT, 0, "abcdef" },
		{ LOG_FRAME_STDERR, 0, "xy" },
		{ LOG_FRAME_GAP, 2,
		  "{\"stream\":\"stderr\",\"offset\":2,\"length\":4,"
		  "\"reason\":\"disk_full\"}" },
		{ LOG_FRAME_STDOUT, 6, "ghi" },
		{ LOG_FRAME_FINISHED, 0,
		  "{\"exec_id\":\"01test\",\"exit_code\":7,\"cmd\":\"true\"}" },
	};
	struct log_query run;
	struct fixture x;
	size_t at = 0;

	start(&x);
	log_query_init_run(&run);
	run.format = LOG_FRAMES;
	x.app.query = &run;
	say(&x, TIMELINE_OUT, "abc");
	say(&x, TIMELINE_OUT, "def");
	say(&x, TIMELINE_ERR, "xy");
	log_fixture_add(&x.app.f, TIMELINE_ERR, "lost", 4, FIXTURE_LOST);
	log_fixture_add(&x.app.f, TIMELINE_OUT, "ghi", 3, FIXTURE_UNCOVERED);
	log_app_end(&x.app);
	log_client_get(&x.c, "");
	assert_string_equal(x.c.type, "application/vnd.berth.frames");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct frame frame;
		const uint8_t *payload = next_frame(&x.c.body, &at, &frame);

		assert_int_equal(frame.type, rows[i].type);
		assert_int_equal(frame.offset, rows[i].offset);
		assert_int_equal(frame.length, strlen(rows[i].payload));
		assert_memory_equal(payload, rows[i].payload, frame.length);
	}
	assert_int_equal(at, x.c.body.len);
	end(&x);
}

static void
a_silence_is_filled_in_frames(void **state UNUSED)
{
	struct fixture x;
	struct frame frame;
	size_t at = 0;

	start(&x);
	x.app.src.keepalive_ms = 20;
	log_client_start(&x.c, "format=frames&follow=true");
	log_client_wait_bytes(&x.c, 2 * LOG_FRAME_HEADER);
	for (int i = 0; i < 2; i++) {
		next_frame(&x.c.body, &at, &frame);
		assert_int_equal(frame.type, LOG_FRAME_KEEPALIVE);
		assert_int_equal(frame.length, 0);
	}
	end(&x);
}

static unsigned
count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void
followers_get_what_comes(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	say(&x, TIMELINE_OUT, "before\n");
	log_client_start(&x.c, "format=raw&follow=true");
	log_client_wait_bytes(&x.c, 7);
	assert_string_equal(x.c.range, "0-");
	assert_null(x.c.length);
	say(&x, TIMELINE_OUT, "after");
	log_client_wait_bytes(&x.c, 12);
	/* Not before it has a record, unless none can come. */
	log_fixture_add(&x.app.f, TIMELINE_OUT, "rest", 4, FIXTURE_UNCOVERED);
	log_app_settle(&x.app);
	assert_int_equal(x.c.n_total, 12);
	assert_int_equal(x.app.n_idle, 0);
	assert_int_equal(count_threads(), 1);
	log_app_end(&x.app);
	log_client_wait(&x.c);
	assert_body(&x, "before\nafterrest");
	log_app_settle(&x.app);
	assert_int_equal(x.app.n_idle, 1);
	end(&x);
}

static void
a_follower_may_come_before_the_files(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	assert_int_equal(
	    renameat(x.app.f.dir_fd, "timeline", x.app.f.dir_fd, "later"), 0);
	log_client_start(&x.c, "format=raw&follow=true");
	log_app_settle(&x.app);
	say(&x, TIMELINE_OUT, "hello");
	assert_int_equal(
	    renameat(x.app.f.dir_fd, "later", x.app.f.dir_fd, "timeline"), 0);
	log_client_wait_bytes(&x.c, 5);
	assert_body(&x, "hello");
	/* Now by events. */
	say(&x, TIMELINE_OUT, " again");
	log_client_wait_bytes(&x.c, 11);
	end(&x);
}

static void
an_offset_that_is_not_there_yet_is_waited_for(void **state UNUSED)
{
	struct fixture x;

	start(&x);
	say(&x, TIMELINE_OUT, "01234");
	log_client_start(&x.c, "format=raw&follow=true&offset=7&max_bytes=5");
	log_app_settle(&x.app);
	say(&x, TIMELINE_OUT, "5678");
	say(&x, TIMELINE_ERR, "not this");
	log_client_wait_bytes(&x.c, 2);
	say(&x, TIMELINE_OUT, "9abcdef");
	log_client_wait(&x.c);
	assert_body(&x, "789ab");
	end(&x);
}

static void
a_client_that_vanishes_frees_its_follower(void **state UNUSED)
{
	struct log_client other;
	struct fixture x;

	start(&x);
	log_client_init(&other, &x.app);
	log_client_start(&x.c, "format=raw&follow=true");
	log_client_start(&other, "format=raw&follow=true");
	log_app_settle(&x.app);
	log_client_fini(&other);
	log_app_settle(&x.app);
	assert_int_equal(x.app.n_idle, 0);
	say(&x, TIMELINE_OUT, "still there");
	log_client_wait_bytes(&x.c, 11);
	http_call_cancel(TAKE(x.c.call));
	log_app_settle(&x.app);
	assert_int_equal(x.app.n_idle, 1);
	assert_null(x.app.src.hub);
	end(&x);
}

static void
a_source_that_goes_breaks_its_readers_off(void **state UNUSED)
{
	struct log_client other;
	struct fixture x;

	start(&x);
	log_client_init(&other, &x.app);
	log_client_start(&x.c, "format=jsonl&follow=true");
	log_client_start(&other, "format=frames&follow=true");
	log_app_settle(&x.app);
	log_source_fini(&x.app.src);
	memset(&x.app.src, 0xff, sizeof(x.app.src));
	log_client_wait(&x.c);
	log_client_wait(&other);
	assert_true(x.c.is_broken);
	assert_true(other.is_broken);
	x.app.src = (struct log_source){ 0 };
	log_client_fini(&other);
	end(&x);
}

static void
a_slow_client_gets_everything_in_the_end(void **state UNUSED)
{
	static const char *const queries[] = {
		"format=raw&follow=true&stream=both",
		"format=frames&follow=true&stream=both",
		"format=jsonl&follow=true&stream=both&full=true",
		"format=text&full=true&follow=true&strip_ansi=true&stream=both",
	};
	AUTO_FREE char *block = xmalloc(100000);

	for (size_t i = 0; i < 100000; i++)
		block[i] = i % 100 == 99 ? '\n' : (char)('a' + i % 26);
	for (size_t q = 0; q < ARRAY_SIZE(queries); q++) {
		struct fixture x;

		start(&x);
		x.c.is_discarding = true;
		log_client_start(&x.c, queries[q]);
		log_app_settle(&x.app);
		http_call_pause(x.c.call);
		for (unsigned i = 0; i < 100; i++) {
			log_fixture_add(&x.app.f, i % 7 == 0, block, 100000,
					FIXTURE_DATA);
			log_app_settle(&x.app);
		}
		http_call_resume(x.c.call);
		log_client_wait_bytes(&x.c, 10000000);
		log_app_end(&x.app);
		log_client_wait(&x.c);
		assert_false(x.c.is_broken);
		if (q == 0 || q == 3)
			assert_int_equal(x.c.n_total, 10000000);
		end(&x);
	}
}

/* What a capped log lost while it was being sent is a gap, never zeros. */
static void
bytes_dropped_under_a_slow_client_are_a_gap(void **state UNUSED)
{
	static const char *const queries[] = {
		"format=raw&follow=true",
		"format=frames&follow=true",
		"format=jsonl&follow=true&full=true",
	};
	AUTO_FREE char *block = xmalloc(100000);

	for (size_t i = 0; i < 100000; i++)
		block[i] = i % 100 == 99 ? '\n' : (char)('a' + i % 26);
	for (size_t q = 0; q < ARRAY_SIZE(queries); q++) {
		struct fixture x;

		start(&x);
		x.app.src.is_capped = true;
		for (unsigned i = 0; i < 20; i++)
			log_fixture_add(&x.app.f, TIMELINE_OUT, block, 100000,
					FIXTURE_DATA);
		log_client_start(&x.c, queries[q]);
		log_client_wait_bytes(&x.c, 1);
		http_call_pause(x.c.call);
		log_app_settle(&x.app);
		for (unsigned i = 0; i < 20; i++) {
			log_fixture_add(&x.app.f, TIMELINE_OUT, block, 100000,
					FIXTURE_DATA);
			log_fixture_drop(&x.app.f, TIMELINE_OUT, 150,
					 1800000 + i * 100000 + 50);
			log_app_settle(&x.app);
		}
		http_call_resume(x.c.call);
		log_app_end(&x.app);
		log_client_wait(&x.c);
		assert_false(x.c.is_broken);
		assert_true(x.c.n_total < 3500000);
		if (q != 1)
			assert_null(
			    memchr(buf_bytes(&x.c.body), 0, x.c.body.len));
		if (q == 2) {
			assert_null(strstr(buf_text(&x.c.body), "\\u0000"));
			assert_non_null(
			    strstr(buf_text(&x.c.body), "\"type\":\"gap\""));
		}
		end(&x);
	}
}

static void
a_thousand_may_follow(void **state UNUSED)
{
	enum { N = 1000 };
	struct rlimit limit;
	struct log_client *clients = xcalloc(N, sizeof(*clients));
	struct fixture x;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	start(&x);
	for (unsigned i = 0; i < N; i++) {
		log_client_init(&clients[i], &x.app);
		log_client_start(&clients[i], i % 2
						  ? "format=raw&follow=true"
						  : "format=jsonl&follow=true");
	}
	log_app_settle(&x.app);
	for (unsigned i = 0; i < 20; i++) {
		say(&x, TIMELINE_OUT, "hello, all of you\n");
		uv_run(&x.app.loop, UV_RUN_NOWAIT);
	}
	log_app_end(&x.app);
	for (unsigned i = 0; i < N; i++) {
		log_client_wait(&clients[i]);
		assert_false(clients[i].is_broken);
		if (i % 2)
			assert_int_equal(clients[i].n_total, 20 * 18);
		else
			assert_true(str_ends(buf_text(&clients[i].body),
					     "\"exit_code\":7}\n"));
	}
	for (unsigned i = 0; i < N; i++)
		log_client_fini(&clients[i]);
	free(clients);
	end(&x);
}

/* Received frames as log_model_pieces writes them. */
static void
join_frames(const struct log_fixture *f, const struct buf *body,
	    struct buf *out)
{
	struct log_model_joiner j = { .out = out };
	size_t at = 0;

	while (at < body->len) {
		struct frame frame;
		const uint8_t *payload = next_frame(body, &at, &frame);
		unsigned s = frame.type - LOG_FRAME_STDOUT;
		uint64_t length;
		char stream[8], reason[16];

		if (frame.type <= LOG_FRAME_STDERR) {
			assert_memory_equal(payload, f->bytes[s] + frame.offset,
					    frame.length);
			log_model_join(&j, s, frame.offset, frame.length, NULL);
		} else if (frame.type == LOG_FRAME_GAP) {
			AUTO_FREE char *text = xstrndup((const char *)payload,
							frame.length);

			assert_int_equal(sscanf(text,
						"{\"stream\":\"%6s\",\"offset"
						"\":%*u,\"length\":%" SCNu64
						",\"reason\":\"%15[a-z_]",
						stream, &length, reason),
					 3);
			log_model_join(&j, str_starts(stream, "stderr"),
				       frame.offset, length, reason);
		}
	}
	log_model_join_end(&j);
}

static void
explain(const struct log_query *q, const struct buf *got,
	const struct buf *want)
{
	fail_msg("format %d streams %u pick %d count %" PRIu64 " since %" PRIu64
		 " until %" PRIu64 " max %" PRIu64
		 " grep %s strip %d follow %d\n--- got\n%s\n--- want\n%s",
		 q->format, q->streams, q->pick, q->count, q->since_ns,
		 q->until_ns, q->max_bytes, q->grep, q->strip_ansi, q->follow,
		 buf_text(got), buf_text(want));
}

static void
compare(struct fixture *x, bool is_ended, const struct log_query *q)
{
	AUTO_BUF want = BUF_INIT(64 << 20), got = BUF_INIT(64 << 20);
	size_t n;

	if (q->format == LOG_FRAMES) {
		log_model_pieces(&x->app.f, is_ended, q, &want);
		join_frames(&x->app.f, &x->c.body, &got);
	} else {
		log_model_body(&x->app.f, is_ended, q, &want);
		n = x->c.body.len;
		if (q->format == LOG_JSONL && q->follow)
			n -= strlen("{\"type\":\"finished\",\"exec_id\":"
				    "\"01test\",\"exit_code\":7}\n");
		buf_add(&got, buf_bytes(&x->c.body), n);
	}
	if (want.len != got.len ||
	    memcmp(buf_bytes(&want), buf_bytes(&got), got.len) != 0)
		explain(q, &got, &want);
}

static void
random_queries_of_random_logs_agree_with_the_model(void **state UNUSED)
{
	for (int round = 0; round < 150; round++) {
		bool is_ended = unit_below(2);
		struct fixture x;

		start(&x);
		log_fixture_fill(&x.app.f, 1 + unit_below(40), round % 3);
		if (unit_below(2))
			log_fixture_add(&x.app.f, TIMELINE_OUT, "un\ncov", 6,
					FIXTURE_UNCOVERED);
		if (is_ended)
			log_app_end(&x.app);
		for (int i = 0; i < 20; i++) {
			struct log_query q;

			log_model_query(&x.app.f, &q);
			x.app.query = &q;
			log_client_get(&x.c, "");
			assert_int_equal(x.c.status, 200);
			compare(&x, is_ended, &q);
		}
		end(&x);
	}
}

static void
random_followers_see_the_whole_log(void **state UNUSED)
{
	for (int round = 0; round < 150; round++) {
		struct fixture x;
		struct log_query q;

		start(&x);
		log_fixture_fill(&x.app.f, 1 + unit_below(10), FIXTURE_WHOLE);
		log_model_query(&x.app.f, &q);
		q.follow = true;
		q.pick = unit_below(2) ? LOG_PICK_ALL : LOG_PICK_OFFSET;
		q.since_ns = 0;
		q.until_ns = UINT64_MAX;
		q.max_bytes = UINT64_MAX;
		if (q.format == LOG_RAW && unit_below(2)) {
			q.format = LOG_FRAMES;
			q.grep[0] = '\0';
			q.strip_ansi = false;
		}
		x.app.query = &q;
		log_client_start(&x.c, "");
		for (int i = 0; i < 10; i++) {
			log_fixture_fill(&x.app.f, unit_below(6),
					 q.format == LOG_FRAMES
					     ? FIXTURE_LOSING
					     : FIXTURE_WHOLE);
			for (size_t turns = unit_below(4); turns > 0; turns--)
				uv_run(&x.app.loop, UV_RUN_NOWAIT);
		}
		log_app_end(&x.app);
		log_client_wait(&x.c);
		assert_false(x.c.is_broken);
		compare(&x, true, &q);
		end(&x);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_codexds),
		cmocka_unit_test(the_head_says_what_there_is),
		cmocka_unit_test(a_bad_expression_is_an_error_of_the_table),
		cmocka_unit_test(files_that_cannot_be_opened_are_an_error),
		cmocka_unit_test(a_run_starts_and_finishes),
		cmocka_unit_test(frames_carry_bytes_and_events),
		cmocka_unit_test(a_silence_is_filled_in_frames),
		cmocka_unit_test(followers_get_what_comes),
		cmocka_unit_test(a_follower_may_come_before_the_files),
		cmocka_unit_test(an_offset_that_is_not_there_yet_is_waited_for),
		cmocka_unit_test(a_client_that_vanishes_frees_its_follower),
		cmocka_unit_test(a_source_that_goes_breaks_its_readers_off),
		cmocka_unit_test(a_slow_client_gets_everything_in_the_end),
		cmocka_unit_test(bytes_dropped_under_a_slow_client_are_a_gap),
		cmocka_unit_test(a_thousand_may_follow),
		cmocka_unit_test(
		    random_queries_of_random_logs_agree_with_the_model),
		cmocka_unit_test(random_followers_see_the_whole_log),
	};

	return RUN_TESTS(tests);
}
