/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_body.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "http/server.h"
#include "berthd/exec/log_query.h"
#include "tests/unit/berthd/exec/log_fixture.h"

/*
 * Only what needs no exchange is tested here: everything is small, so all is
 * gathered and nothing sent.  log_stream_test sees the rest on the wire.
 */

struct fixture {
	struct log_fixture f;
	struct log_files files;
	struct log_body body;
	struct buf out;
	struct err err;
};

static void
start(struct fixture *x)
{
	*x = (struct fixture){ .err = ERR_INIT };
	log_fixture_init(&x->f);
	log_files_init(&x->files, x->f.dir_fd);
	buf_init(&x->out, LOG_BODY_OUT_MAX);
}

static void
end(struct fixture *x)
{
	buf_fini(&x->out);
	log_files_fini(&x->files);
	log_fixture_fini(&x->f);
}

/* All of both streams as `q' says. */
static enum log_body_result
gather(struct fixture *x, const struct log_query *q)
{
	enum log_body_result rc;

	if (log_files_refresh(&x->files, true, &x->err) < 0)
		fail_msg("%s", x->err.msg);
	log_body_init(&x->body, NULL, q);
	x->body.merge.view = log_view_of(&x->files);
	x->body.merge.to[TIMELINE_OUT] = UINT64_MAX;
	x->body.merge.to[TIMELINE_ERR] = UINT64_MAX;
	buf_clear(&x->out);
	do
		rc = log_body_step(&x->body, &x->out, &x->err);
	while (rc == LOG_BODY_MORE);
	if (log_body_finish(&x->body, &x->out, &x->err) < 0)
		fail_msg("%s", x->err.msg);
	return rc;
}

static struct log_query
query(enum log_format format)
{
	struct log_query q;

	log_query_init_run(&q);
	q.format = format;
	q.follow = false;
	return q;
}

static void
each_format_has_its_sink(void **state UNUSED)
{
	struct log_query q = query(LOG_RAW);
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "a\033[1mb\r\n");
	log_fixture_adds(&x.f, TIMELINE_ERR, "c\n");
	log_fixture_adds(&x.f, TIMELINE_OUT, "d");
	assert_int_equal(gather(&x, &q), LOG_BODY_END);
	assert_true(log_body_is_plain(&x.body));
	assert_string_equal(buf_text(&x.out), "a\033[1mb\r\nc\nd");
	q.strip_ansi = true;
	gather(&x, &q);
	assert_false(log_body_is_plain(&x.body));
	assert_string_equal(buf_text(&x.out), "ab\r\nc\nd");
	q = query(LOG_TEXT);
	q.pick = LOG_PICK_TAIL_LINES;
	gather(&x, &q);
	assert_string_equal(buf_text(&x.out), "a\033[1mb\nc\nd");
	q = query(LOG_FRAMES);
	gather(&x, &q);
	assert_int_equal(x.out.len, 3 * LOG_FRAME_HEADER + 11);
	assert_memory_equal(buf_bytes(&x.out),
			    "\1\0\0\0\10\0\0\0\0\0\0\0\0\0\0\0a\033[1mb\r\n"
			    "\2\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0c\n"
			    "\1\0\0\0\1\0\0\0\10\0\0\0\0\0\0\0d",
			    x.out.len);
	end(&x);
}

static void
a_limit_stops_in_the_middle(void **state UNUSED)
{
	struct log_query q = query(LOG_RAW);
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "one\ntwo\n");
	q.max_bytes = 6;
	assert_int_equal(gather(&x, &q), LOG_BODY_STOP);
	assert_string_equal(buf_text(&x.out), "one\ntw");
	q.format = LOG_JSONL;
	assert_int_equal(gather(&x, &q), LOG_BODY_STOP);
	assert_non_null(strstr(buf_text(&x.out), "\"line\":\"tw\""));
	assert_non_null(strstr(buf_text(&x.out), "\"partial\":true"));
	end(&x);
}

/* A line whose start was dropped while the rest was waited for. */
static void
a_line_in_hand_that_is_dropped_is_a_gap(void **state UNUSED)
{
	struct log_query q = query(LOG_JSONL);
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "one\nstart of ");
	gather(&x, &q);
	log_files_trim(&x.files);

	/* Back to before the end of the answer. */
	x.body.merge.next = 1;
	x.body.lines.streams[TIMELINE_OUT].start = 4;
	buf_clear(&x.out);
	log_fixture_adds(&x.f, TIMELINE_OUT, "a line\n");
	log_fixture_drop(&x.f, TIMELINE_OUT, 2, 8);
	assert_int_equal(log_files_refresh(&x.files, true, &x.err), 0);
	x.body.merge.view = log_view_of(&x.files);
	while (log_body_step(&x.body, &x.out, &x.err) == LOG_BODY_MORE)
		;
	assert_string_equal(buf_text(&x.out),
			    "{\"type\":\"gap\",\"stream\":\"stdout\","
			    "\"offset\":4,\"length\":9,"
			    "\"reason\":\"dropped\"}\n"
			    "{\"type\":\"log\",\"stream\":\"stdout\","
			    "\"line\":\"a line\",\"offset\":13,"
			    "\"time\":\"2023-11-14T22:13:20Z\"}\n");
	end(&x);
}

static void
a_read_error_is_passed_on(void **state UNUSED)
{
	struct log_query q = query(LOG_JSONL);
	struct log_piece piece;
	struct fixture x;

	start(&x);
	log_fixture_adds(&x.f, TIMELINE_OUT, "one\n");
	gather(&x, &q);
	log_files_trim(&x.files);
	x.body.merge.pos[TIMELINE_OUT] = 0;
	x.body.merge.next = 0;
	x.body.lines.streams[TIMELINE_OUT].start = 0;
	assert_int_equal(log_merge_peek(&x.body.merge, &piece, &x.err),
			 LOG_MERGE_PIECE);
	assert_int_equal(ftruncate(x.f.fd[TIMELINE_OUT], 0), 0);
	assert_int_equal(log_body_step(&x.body, &x.out, &x.err),
			 LOG_BODY_FAILED);
	assert_err(x.err, ERR_SYSTEM, "shorter");
	end(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format_has_its_sink),
		cmocka_unit_test(a_limit_stops_in_the_middle),
		cmocka_unit_test(a_line_in_hand_that_is_dropped_is_a_gap),
		cmocka_unit_test(a_read_error_is_passed_on),
	};

	return RUN_TESTS(tests);
}
