/* SPDX-License-Identifier: ISC */

#include "tests/unit/berth/line.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "client/frames.h"
#include "core/text.h"
#include "http/server.h"
#include "tests/unit/client/fake.h"

#define JSONL "application/x-ndjson"

static int
stop(void **state UNUSED)
{
	fake_stop();
	return 0;
}

static void
assert_has(const struct buf *text, const char *part)
{
	if (strstr(buf_text(text), part) == NULL)
		fail_msg("\"%s\" is not in:\n%s", part, buf_text(text));
}

static const char result[] =
    "{\"exec_id\":\"e1\",\"status\":\"finished\",\"state\":\"exited\","
    "\"cmd\":\"make\",\"cwd\":\"/src\",\"exit_code\":3,\"duration\":1.5,"
    "\"started_at\":\"2026-11-21T10:00:00Z\",\"stdout_bytes\":2048,"
    "\"stderr_bytes\":1,\"error\":\"exit status 3\","
    "\"labels\":{\"a\":\"b\"},\"cpu_user\":0.25,\"max_rss\":1048576}";

static const char list[] =
    "{\"execs\":[{\"exec_id\":\"e2\",\"status\":\"running\","
    "\"state\":\"running\",\"cmd\":\"tail -f\"},"
    "{\"exec_id\":\"e1\",\"status\":\"finished\",\"state\":\"exited\","
    "\"exit_code\":0,\"cmd\":\"ls\"}],\"total\":2}";

/* One answer to every question there is. */
static void
answer(const struct fake_request *r, void *arg UNUSED)
{
	const char *path = r->head->path;

	if (str_eq(path, "/v1/exec") && str_eq(r->head->method, "GET"))
		fake_reply_json(r, 200, list);
	else if (str_eq(path, "/v1/exec"))
		fake_reply_json(r, 200,
				"{\"exec_id\":\"e1\",\"status\":\"running\","
				"\"key\":\"k\",\"existing\":false}");
	else if (str_eq(path, "/v1/hello"))
		fake_reply_json(r, 200,
				"{\"version\":\"9\",\"api\":1,"
				"\"capabilities\":[\"exec\",\"file\"]}");
	else if (str_ends(path, "/cancel"))
		fake_reply_json(r, 200, "{\"canceled\":true}");
	else if (str_ends(path, "/stdin"))
		fake_reply_json(r, 200, "{\"offset\":6}");
	else
		fake_reply_json(r, 200, result);
}

static void
a_start_prints_what_codex_remote_prints(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer, NULL, 0);
	LINE_RUN(&line, "codex-remote", "exec", "start", "--machine", "local",
		 "-cmd", "make", "-env", "A=1", "--cwd", "sub");
	assert_int_equal(line.status, 0);
	assert_has(&line.out, "{\"exec_id\":\"e1\",\"machine\":\"local\","
			      "\"status\":\"running\",\"base_url\":\"unix:");
	assert_null(strstr(buf_text(&line.out), "schema_version"));
	if (strstr(fake_requests(), "{\"cmd\":\"make\",\"cwd\":\"sub\","
				    "\"env\":{\"A\":\"1\"}") == NULL)
		fail_msg("%s", fake_requests());
}

static void
and_more_under_our_own_name(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer, NULL, 0);
	LINE_RUN(&line, "berth", "exec", "start", "--", "make", "-j8");
	assert_int_equal(line.status, 0);
	assert_has(&line.out, "\"key\":\"k\",\"existing\":false,"
			      "\"schema_version\":1}\n");
	LINE_RUN(&line, "berth", "run", "-d", "-o", "text", "make");
	assert_string_equal(buf_text(&line.out), "e1\n");
	assert_has(&line.err, "'berth logs -f e1' follows it");
	LINE_RUN(&line, "berth", "run", "-dqo", "text", "make");
	assert_int_equal(line.err.len, 0);
}

static void
a_result_is_json_for_programs_and_a_card_for_people(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	setenv("TZ", "UTC", 1);
	fake_start(answer, NULL, 0);
	LINE_RUN(&line, "berth", "exec", "result", "e1");
	assert_int_equal(line.status, 0);
	assert_memory_equal(buf_text(&line.out), result, strlen(result));
	assert_string_equal(buf_text(&line.out) + strlen(result), "\n");
	LINE_RUN(&line, "berth", "exec", "result", "--id", "e1", "-o", "text");
	assert_string_equal(buf_text(&line.out),
			    "exec       e1\n"
			    "command    make\n"
			    "directory  /src\n"
			    "state      exited 3 after 1.5 s\n"
			    "started    2026-11-21 10:00:00\n"
			    "used       250 ms user, 0 ms system, 1.0 MiB "
			    "memory\n"
			    "output     2.0 KiB stdout, 1 B stderr\n"
			    "labels     a=b\n");
}

static void
waiting_ends_as_the_exec_did(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer, NULL, 0);
	LINE_RUN(&line, "berth", "exec", "wait", "e1");
	assert_int_equal(line.status, 3);
	assert_has(&line.out, "\"exit_code\":3");
}

static void
lists_are_tables_ids_or_json(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer, NULL, 0);
	LINE_RUN(&line, "berth", "ps");
	assert_memory_equal(buf_text(&line.out), list, strlen(list));
	LINE_RUN(&line, "berth", "ps", "-o", "text");
	assert_string_equal(buf_text(&line.out),
			    "ID  STATE     AGE  TIME  COMMAND\n"
			    "e2  running    0s  0 ms  tail -f\n"
			    "e1  exited 0   0s  0 ms  ls\n");
	LINE_RUN(&line, "berth", "ps", "-q", "-r");
	assert_string_equal(buf_text(&line.out), "e2\ne1\n");
	assert_string_equal(fake_requests(),
			    "GET /v1/exec?limit=0\n"
			    "GET /v1/exec?limit=20\n"
			    "GET /v1/exec?state=running&limit=20\n");
}

static void
steering_says_what_it_did(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer, NULL, 0);
	LINE_RUN(&line, "berth", "exec", "cancel", "e1");
	assert_string_equal(buf_text(&line.out), "{\"canceled\":true}\n");
	LINE_RUN(&line, "berth", "exec", "signal", "e1", "HUP");
	assert_string_equal(buf_text(&line.out), "{\"ok\":true}\n");
	LINE_RUN(&line, "berth", "exec", "write", "e1", "hello");
	assert_string_equal(buf_text(&line.out), "{\"offset\":6}\n");
	LINE_RUN(&line, "berth", "exec", "resize", "e1", "--cols", "80");
	assert_int_equal(line.status, 64);
	assert_has(&line.err, "belong together");
	LINE_RUN(&line, "berth", "exec", "rm", "e1", "e2");
	assert_string_equal(buf_text(&line.out), "{\"removed\":2}\n");
}

static void
the_daemon_tells_what_it_can(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer, NULL, 0);
	LINE_RUN(&line, "berth", "capabilities", "-o", "text");
	assert_string_equal(buf_text(&line.out), "exec\nfile\n");
	LINE_RUN(&line, "berth", "version");
	assert_string_equal(buf_text(&line.out), "berth " BERTH_VERSION "\n");
	LINE_RUN(&line, "codex-remote", "version");
	assert_string_equal(buf_text(&line.out), BERTH_VERSION "\n");
}

static void
completion_asks_the_daemon_that_is_there(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer, NULL, 0);
	LINE_RUN(&line, "berth", "__complete", "exec");
	assert_string_equal(buf_text(&line.out),
			    "last\tThe latest exec\ne2\ttail -f\ne1\tls\n");
	LINE_RUN(&line, "berth", "__complete", "exec", "e2");
	assert_string_equal(buf_text(&line.out), "e2\ttail -f\n");
	fake_stop();
	LINE_RUN(&line, "berth", "__complete", "exec");
	assert_int_equal(line.status, 0);
	assert_int_equal(line.out.len + line.err.len, 0);
}

/* Output */

static void
answer_output(const struct fake_request *r, void *arg UNUSED)
{
	static const char started[] =
	    "{\"type\":\"started\",\"exec_id\":\"e1\",\"status\":\"running\"}";
	static const char done[] =
	    "{\"type\":\"finished\",\"exec_id\":\"e1\",\"status\":\"finished\","
	    "\"exit_code\":3,\"artifacts\":[\"a.out\"]}";
	bool is_run = str_eq(r->head->path, "/v1/exec/run");
	AUTO_BUF body = BUF_INIT(4096);

	if (str_eq(r->head->path, "/v1/exec/e1")) {
		fake_reply_json(r, 200, done);
		return;
	}
	if (strstr(r->head->query, "jsonl")) {
		if (is_run)
			(void)buf_addf(&body, "%s\n", started);
		(void)buf_addf(&body,
			       "{\"type\":\"log\",\"stream\":\"stdout\","
			       "\"line\":\"hi\"}\n%s\n",
			       done);
		fake_reply(r, 200, JSONL, buf_bytes(&body), body.len);
		return;
	}
	if (is_run)
		fake_frame(&body, FRAME_STARTED, 0, started, strlen(started));
	fake_frame(&body, FRAME_STDOUT, 0, "hi\xff\n", 4);
	fake_frame(&body, FRAME_STDERR, 0, "oops\n", 5);
	fake_frame(&body, FRAME_FINISHED, 0, done, strlen(done));
	fake_reply(r, 200, FRAMES_TYPE, buf_bytes(&body), body.len);
}

static void
a_run_is_events_for_programs_and_bytes_when_asked(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer_output, NULL, 0);
	LINE_RUN(&line, "berth", "run", "x");
	assert_int_equal(line.status, 3);
	assert_has(&line.out, "{\"type\":\"started\"");
	assert_has(&line.out, "\"line\":\"hi\"}\n{\"type\":\"finished\"");
	LINE_RUN(&line, "berth", "run", "--raw", "x");
	assert_int_equal(line.status, 3);
	assert_string_equal(buf_text(&line.out), "hi\xff\n");
	assert_string_equal(buf_text(&line.err), "oops\n");
	LINE_RUN(&line, "codex-remote", "exec", "run", "-cmd", "x");
	assert_int_equal(line.status, 0);
}

static void
logs_are_bytes_for_pipes_and_events_for_codex_remote(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer_output, NULL, 0);
	LINE_RUN(&line, "berth", "logs", "e1");
	assert_int_equal(line.status, 0);
	assert_string_equal(buf_text(&line.out), "hi\xff\n");
	LINE_RUN(&line, "codex-remote", "exec", "logs", "-id", "e1");
	assert_has(&line.out, "{\"type\":\"log\"");
	assert_string_equal(
	    fake_requests(),
	    "GET /v1/exec/e1/logs?stream=both&format=frames&full=true\n"
	    "GET /v1/exec/e1/logs?stream=stdout&format=jsonl&tail=2000\n");
}

static void
watching_ends_with_codex_remotes_summary(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer_output, NULL, 0);
	LINE_RUN(&line, "codex-remote", "exec", "watch", "--id", "e1",
		 "--stream", "stdout", "--poll", "1s");
	assert_int_equal(line.status, 3);
	assert_has(&line.out, "{\"type\":\"log\"");
	assert_has(&line.out, "\n{\"type\":\"summary\",\"exec_id\":\"e1\","
			      "\"status\":\"finished\",\"exit_code\":3,"
			      "\"duration_ms\":");
	assert_has(&line.out, "\"stdout_log_path\":\"exec/e1/stdout.log\"");
	assert_has(&line.out, "\"artifacts\":[\"a.out\"]}\n");
	assert_null(strstr(buf_text(&line.out), "\"finished\",\"exec_id\""));
	LINE_RUN(&line, "berth", "exec", "watch", "e1");
	assert_has(&line.out, "{\"type\":\"finished\"");
	assert_int_equal(line.status, 3);
}

/* Errors */

static void
answer_not_found(const struct fake_request *r, void *arg UNUSED)
{
	fake_reply_json(r, 404,
			"{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no "
			"\\u001b exec\",\"hint\":\"look\"}}");
}

static void
errors_are_text_unless_json_was_asked_for(void **state UNUSED)
{
	AUTO_LINE line = LINE_INIT;

	fake_start(answer_not_found, NULL, 0);
	LINE_RUN(&line, "berth", "exec", "result", "e1");
	assert_int_equal(line.status, 125);
	assert_int_equal(line.out.len, 0);
	assert_string_equal(buf_text(&line.err),
			    "berth: no ? exec\nhint:  look\n");
	LINE_RUN(&line, "berth", "exec", "result", "--json", "e1");
	assert_int_equal(line.status, 125);
	assert_int_equal(line.err.len, 0);
	assert_has(&line.out, "{\"error\":{\"code\":\"NOT_FOUND\"");
	LINE_RUN(&line, "berth", "logs", "--jsonl", "e1");
	assert_has(&line.out, "{\"type\":\"error\",\"error\":{\"code\"");
	LINE_RUN(&line, "berth", "exec", "logs", "--json", "--tial");
	assert_int_equal(line.status, 64);
	assert_has(&line.out, "did you mean --tail?");
	LINE_RUN(&line, "codex-remote", "exec", "result", "--id", "e1");
	assert_int_equal(line.status, 1);
	LINE_RUN(&line, "codex-remote", "exec", "result");
	assert_int_equal(line.status, 2);
	LINE_RUN(&line, "codex-remote", "exec");
	assert_int_equal(line.status, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    a_start_prints_what_codex_remote_prints, stop),
		cmocka_unit_test_teardown(and_more_under_our_own_name, stop),
		cmocka_unit_test_teardown(
		    a_result_is_json_for_programs_and_a_card_for_people, stop),
		cmocka_unit_test_teardown(waiting_ends_as_the_exec_did, stop),
		cmocka_unit_test_teardown(lists_are_tables_ids_or_json, stop),
		cmocka_unit_test_teardown(steering_says_what_it_did, stop),
		cmocka_unit_test_teardown(the_daemon_tells_what_it_can, stop),
		cmocka_unit_test_teardown(
		    completion_asks_the_daemon_that_is_there, stop),
		cmocka_unit_test_teardown(
		    a_run_is_events_for_programs_and_bytes_when_asked, stop),
		cmocka_unit_test_teardown(
		    logs_are_bytes_for_pipes_and_events_for_codex_remote, stop),
		cmocka_unit_test_teardown(
		    watching_ends_with_codex_remotes_summary, stop),
		cmocka_unit_test_teardown(
		    errors_are_text_unless_json_was_asked_for, stop),
	};

	return RUN_TESTS(tests);
}
