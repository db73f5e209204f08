/* SPDX-License-Identifier: ISC */

#include "client/exec.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "client/client.h"
#include "client/exec_adapt.h"
#include "client/exec_json.h"
#include "client/exec_side.h"
#include "core/text.h"
#include "http/server.h"
#include "tests/unit/client/fake.h"

static const struct reach_config local = { .no_start = true };

static int
stop(void **state UNUSED)
{
	fake_stop();
	return 0;
}

static void
answer_ok(const struct fake_request *r, void *arg UNUSED)
{
	fake_reply_json(r, 200,
			"{\"exec_id\":\"e1\",\"status\":\"finished\","
			"\"exit_code\":0,\"execs\":[],\"offset\":5,"
			"\"canceled\":true}");
}

static void
every_call_asks_what_it_should(void **state UNUSED)
{
	struct exec_spec spec = { .cmd = "ls", .key = "k" };
	struct exec_filter filter = { .state = "running",
				      .label = "a=b",
				      .limit = 7 };
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = NULL;
	AUTO_BUF out = BUF_INIT(1 << 20), bytes = BUF_INIT(16);
	uint64_t taken;

	fake_start(answer_ok, NULL, 0);
	client = client_new(&local, &err);
	(void)buf_adds(&bytes, "input");
	assert_int_equal(exec_start(client, &spec, &out, &err), 0);
	assert_int_equal(exec_get(client, "e1", &out, &err), 0);
	assert_int_equal(exec_list(client, &filter, &out, &err), 0);
	assert_int_equal(exec_cancel(client, "e1", NULL, 0, &out, &err), 0);
	assert_int_equal(exec_cancel(client, "e1", "INT", 1500, &out, &err), 0);
	assert_int_equal(exec_signal(client, "e1", "HUP", &err), 0);
	assert_int_equal(exec_resize(client, "e1", 80, 24, &err), 0);
	assert_int_equal(exec_remove(client, "e/1", &err), 0);
	assert_int_equal(exec_write(client, "e1", &bytes, true, &taken, &err),
			 0);
	assert_int_equal(taken, 5);
	assert_string_equal(
	    fake_requests(),
	    "POST /v1/exec {\"cmd\":\"ls\",\"key\":\"k\"}\n"
	    "GET /v1/exec/e1\n"
	    "GET /v1/exec?state=running&label=a%3Db&limit=7\n"
	    "POST /v1/exec/e1/cancel\n"
	    "POST /v1/exec/e1/cancel {\"signal\":\"INT\",\"grace\":\"1500ms\"}"
	    "\n"
	    "POST /v1/exec/e1/signal {\"signal\":\"HUP\"}\n"
	    "POST /v1/exec/e1/resize {\"cols\":80,\"rows\":24}\n"
	    "DELETE /v1/exec/e%2F1\n"
	    "POST /v1/exec/e1/stdin?eof=true input\n");
}

static void
answer_late(const struct fake_request *r, void *arg UNUSED)
{
	fake_reply_json(r, 200,
			r->number < 1
			    ? "{\"exec_id\":\"e1\",\"status\":\"running\"}"
			    : "{\"exec_id\":\"e1\",\"status\":\"finished\"}");
}

static void
waiting_asks_until_it_is_finished(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = NULL;
	bool finished = false;

	fake_start(answer_late, NULL, 0);
	client = client_new(&local, &err);
	assert_int_equal(exec_wait(client, "e1", 0, &out, &finished, &err), 0);
	assert_true(finished);
	assert_string_equal(fake_requests(), "GET /v1/exec/e1?wait=20\n"
					     "GET /v1/exec/e1?wait=20\n");
}

static void
answer_running(const struct fake_request *r, void *arg UNUSED)
{
	fake_reply_json(r, 200, "{\"exec_id\":\"e1\",\"status\":\"running\"}");
}

static void
waiting_ends_with_its_time(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = NULL;
	bool finished = true;

	fake_start(answer_running, NULL, 0);
	client = client_new(&local, &err);
	assert_int_equal(exec_wait(client, "e1", 1, &out, &finished, &err), 0);
	assert_false(finished);
}

static void
a_key_is_new_each_time(void **state UNUSED)
{
	char a[EXEC_KEY_SIZE], b[EXEC_KEY_SIZE];

	exec_key_new(a);
	exec_key_new(b);
	assert_string_not_equal(a, b);
	assert_true(str_starts(a, "cli-"));
}

/* On the side */

static void
note_failure(const struct err *err, void *owner)
{
	struct client **client = owner;

	assert_err(*err, ERR_CONFLICT, "not running");
	client_stop(*client);
}

static void
answer_conflict(const struct fake_request *r, void *arg UNUSED)
{
	fake_reply_json(r, 409,
			"{\"error\":{\"code\":\"CONFLICT\",\"message\":\"exec "
			"e1 is not running\"}}");
}

static void
failures_on_the_side_are_told(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = NULL;
	struct exec_side side = { .id = "e1", .on_fail = note_failure };

	fake_start(answer_conflict, NULL, 0);
	side.client = client = client_new(&local, &err);
	side.owner = &client;
	exec_side_signal(&side, "INT");
	client_run(client);
	exec_side_resize(&side, 100, 50);
	client_run(client);
	assert_string_equal(
	    fake_requests(),
	    "POST /v1/exec/e1/signal {\"signal\":\"INT\"}\n"
	    "POST /v1/exec/e1/resize {\"cols\":100,\"rows\":50}\n");
	/* One that is under way is dropped with the client. */
	exec_side_cancel(&side);
}

/* codexd */

static void
answer_as_codexd(const struct fake_request *r, void *arg UNUSED)
{
	if (str_eq(r->head->path, "/v1/hello"))
		fake_reply(r, 404, "text/plain", "404", 3);
	else
		fake_reply_json(r, 200, "{\"ok\":true}");
}

static struct client *
codexd(void)
{
	struct reach_config config = { .no_start = true };
	struct err err = ERR_INIT;

	fake_start(answer_as_codexd, NULL, FAKE_TCP);
	config.addr = fake_addr();
	return client_new(&config, &err);
}

static char *const words[] = { (char[]){ "a b" }, (char[]){ "$c" }, NULL };

static void
words_become_a_line_for_codexd(void **state UNUSED)
{
	struct exec_spec spec = { .argv = words, .key = "k" };
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = codexd();
	AUTO_FREE char *line = NULL;

	assert_int_equal(exec_adapt(client, &spec, &line, &err), 0);
	assert_string_equal(spec.cmd, "'a b' '$c'");
	assert_null(spec.argv);
	assert_null(spec.key);
}

static void
a_script_becomes_a_file_for_codexd(void **state UNUSED)
{
	struct exec_spec spec = { .script = "exit 3\n", .script_args = words };
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = codexd();
	AUTO_FREE char *line = NULL;

	assert_int_equal(exec_adapt(client, &spec, &line, &err), 0);
	assert_true(str_starts(spec.cmd, "/tmp/codex-script-"));
	assert_true(str_ends(spec.cmd, ".sh 'a b' '$c'"));
	assert_null(spec.script);
	assert_non_null(strstr(fake_requests(), "\"content\":\"ZXhpdCAzCg==\","
						"\"mode\":493,"
						"\"mkdir_p\":true}"));
}

static void
what_codexd_would_ignore_is_refused(void **state UNUSED)
{
	struct exec_spec limited = { .cmd = "x", .limit_memory = 1 };
	struct exec_spec tty = { .cmd = "x", .tty = true };
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = codexd();
	AUTO_FREE char *line = NULL;

	assert_int_equal(exec_adapt(client, &limited, &line, &err), -1);
	assert_err(err, ERR_UNSUPPORTED, "knows no limits");
	assert_int_equal(exec_adapt(client, &tty, &line, &err), -1);
	assert_err(err, ERR_UNSUPPORTED, "knows no terminals");
}

static void
berthd_gets_requests_as_they_are(void **state UNUSED)
{
	struct exec_spec spec = { .argv = words, .limit_memory = 1 };
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = NULL;
	AUTO_FREE char *line = NULL;

	fake_start(answer_ok, NULL, 0);
	client = client_new(&local, &err);
	assert_int_equal(exec_adapt(client, &spec, &line, &err), 0);
	assert_ptr_equal(spec.argv, words);
	assert_null(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_call_asks_what_it_should, stop),
		cmocka_unit_test_teardown(waiting_asks_until_it_is_finished,
					  stop),
		cmocka_unit_test_teardown(waiting_ends_with_its_time, stop),
		cmocka_unit_test(a_key_is_new_each_time),
		cmocka_unit_test_teardown(failures_on_the_side_are_told, stop),
		cmocka_unit_test_teardown(words_become_a_line_for_codexd, stop),
		cmocka_unit_test_teardown(a_script_becomes_a_file_for_codexd,
					  stop),
		cmocka_unit_test_teardown(what_codexd_would_ignore_is_refused,
					  stop),
		cmocka_unit_test_teardown(berthd_gets_requests_as_they_are,
					  stop),
	};

	return RUN_TESTS(tests);
}
