/* SPDX-License-Identifier: ISC */

#include "client/exec_json.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "client/exec.h"
#include "core/strv.h"

static char *const words[] = { (char[]){ "a" }, (char[]){ "b c" }, NULL };
static char *const pairs[] = { (char[]){ "A=1" }, (char[]){ "B==2" }, NULL };

static void
assert_encoded(const struct exec_spec *spec, const char *wanted)
{
	AUTO_BUF out = BUF_INIT(4096);

	assert_int_equal(exec_spec_encode(spec, &out), 0);
	assert_string_equal(buf_text(&out), wanted);
}

static void
only_what_is_said_is_asked(void **state UNUSED)
{
	assert_encoded(&(struct exec_spec){ .cmd = "ls" }, "{\"cmd\":\"ls\"}");
	assert_encoded(&(struct exec_spec){ .argv = words, .env = pairs },
		       "{\"argv\":[\"a\",\"b c\"],"
		       "\"env\":{\"A\":\"1\",\"B\":\"=2\"}}");
	assert_encoded(
	    &(struct exec_spec){ .script = "#!/bin/sh\n",
				 .script_args = words,
				 .cwd = "/tmp",
				 .shell = "bash",
				 .project_id = "p",
				 .ref = "main",
				 .tty = true,
				 .cols = 80,
				 .rows = 24,
				 .stdin_open = true,
				 .timeout_ms = 1500,
				 .grace_ms = 2,
				 .key = "k",
				 .labels = pairs,
				 .artifacts = words,
				 .nice = 3,
				 .limit_memory = 4,
				 .limit_procs = 5,
				 .limit_output = 6,
				 .limit_cpu = "1.5" },
	    "{\"script\":\"#!/bin/sh\\n\",\"script_args\":[\"a\",\"b c\"],"
	    "\"cwd\":\"/tmp\",\"shell\":\"bash\",\"project_id\":\"p\","
	    "\"ref\":\"main\",\"tty\":true,\"cols\":80,\"rows\":24,"
	    "\"stdin\":true,\"timeout\":\"1500ms\",\"grace\":\"2ms\","
	    "\"key\":\"k\",\"labels\":{\"A\":\"1\",\"B\":\"=2\"},"
	    "\"artifacts\":[\"a\",\"b c\"],\"nice\":3,\"limit_memory\":4,"
	    "\"limit_procs\":5,\"limit_output\":6,\"limit_cpu\":\"1.5\"}");
}

static int
decode(const char *text, struct exec_result *ret, struct err *err)
{
	return exec_result_decode(text, strlen(text), ret, err);
}

static void
a_result_of_berthd_is_understood(void **state UNUSED)
{
	AUTO_EXEC_RESULT r = EXEC_RESULT_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(
	    decode("{\"exec_id\":\"x\",\"status\":\"finished\","
		   "\"state\":\"signalled\",\"exit_code\":139,"
		   "\"signal\":\"SIGSEGV\",\"duration\":1.25,\"news\":[1],"
		   "\"cpu_user\":0.003,\"labels\":{\"a\":\"b\"},"
		   "\"finished_at\":null,\"stdout_bytes\":7}",
		   &r, &err),
	    0);
	assert_true(exec_result_is_finished(&r));
	assert_string_equal(r.signal, "SIGSEGV");
	assert_int_equal(r.exit_code, 139);
	assert_int_equal(r.duration_ms, 1250);
	assert_int_equal(r.cpu_user_ms, 3);
	assert_int_equal(r.stdout_bytes, 7);
	assert_string_equal(r.labels[0], "a=b");
	assert_null(r.finished_at);
}

static void
a_result_of_codexd_is_understood(void **state UNUSED)
{
	AUTO_EXEC_RESULT r = EXEC_RESULT_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(decode("{\"exec_id\":\"x\",\"status\":\"running\","
				"\"pid\":17}",
				&r, &err),
			 0);
	assert_false(exec_result_is_finished(&r));
	assert_int_equal(r.exit_code, -1);
	assert_null(r.state);
}

static void
nonsense_is_the_daemons_fault(void **state UNUSED)
{
	AUTO_EXEC_RESULT r = EXEC_RESULT_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(decode("<html>", &r, &err), -1);
	assert_err(err, ERR_PROTO, "answer of the daemon");
	assert_int_equal(decode("{\"exit_code\":\"0\"}", &r, &err), -1);
	assert_err(err, ERR_PROTO, "exit_code");
	assert_int_equal(decode("[]", &r, &err), -1);
}

static void
a_command_is_shown_as_a_line(void **state UNUSED)
{
	struct exec_result r = { .argv = (char **)(uintptr_t)words };
	AUTO_BUF out = BUF_INIT(256);

	exec_result_line(&r, &out);
	assert_string_equal(buf_text(&out), "a 'b c'");
	r.cmd = (char[]){ "ls | wc" };
	buf_clear(&out);
	exec_result_line(&r, &out);
	assert_string_equal(buf_text(&out), "ls | wc");
}

static void
lists_keep_their_order(void **state UNUSED)
{
	static const char text[] =
	    "{\"execs\":[{\"exec_id\":\"b\",\"output_bytes\":1},"
	    "{\"exec_id\":\"a\"}],\"total\":7}";
	AUTO_EXEC_RESULTS list = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(exec_results_decode(text, strlen(text), &list, &err),
			 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.total, 7);
	assert_string_equal(list.items[0].exec_id, "b");
	exec_results_fini(&list);
	assert_int_equal(exec_results_decode("{}", 2, &list, &err), -1);
	assert_err(err, ERR_PROTO, "no list");
}

static int
event(const char *line, struct exec_event *ret, struct err *err)
{
	return exec_event_decode(line, strlen(line), ret, err);
}

static void
log_events_give_exact_bytes(void **state UNUSED)
{
	AUTO_EXEC_EVENT a = { 0 }, b = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(event("{\"type\":\"log\",\"stream\":\"stderr\","
			       "\"line\":\"x\",\"offset\":5}",
			       &a, &err),
			 0);
	assert_int_equal(a.type, EXEC_EVENT_LOG);
	assert_int_equal(a.stream, 1);
	assert_int_equal(a.offset, 5);
	assert_memory_equal(a.line, "x", 1);
	assert_int_equal(event("{\"line\":\"?\",\"type\":\"log\","
			       "\"bytes\":\"/wA=\",\"partial\":true,"
			       "\"stream\":\"stdout\"}",
			       &b, &err),
			 0);
	assert_int_equal(b.stream, 0);
	assert_int_equal(b.offset, -1);
	assert_int_equal(b.n_line, 2);
	assert_memory_equal(b.line, "\xff\0", 2);
	assert_true(b.is_partial);
}

static void
other_events_are_told_apart(void **state UNUSED)
{
	AUTO_EXEC_EVENT a = { 0 }, b = { 0 }, c = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(event("{\"type\":\"gap\",\"stream\":\"stdout\","
			       "\"offset\":1,\"length\":2,"
			       "\"reason\":\"cap\"}",
			       &a, &err),
			 0);
	assert_int_equal(a.type, EXEC_EVENT_GAP);
	assert_int_equal(a.length, 2);
	assert_string_equal(a.reason, "cap");
	assert_int_equal(event("{\"type\":\"weather\"}", &b, &err), 0);
	assert_int_equal(b.type, EXEC_EVENT_OTHER);
	assert_int_equal(event("{\"type\":\"log\",\"bytes\":\"!\"}", &c, &err),
			 -1);
	assert_err(err, ERR_PROTO, "base64");
}

static void
small_answers_are_understood(void **state UNUSED)
{
	struct err err = ERR_INIT;
	bool cancelled = true;
	uint64_t taken = 0;

	assert_int_equal(exec_taken_decode("{\"offset\":9}", 12, &taken, &err),
			 0);
	assert_int_equal(taken, 9);
	assert_int_equal(exec_taken_decode("{}", 2, &taken, &err), -1);
	assert_int_equal(
	    exec_cancelled_decode("{\"canceled\":false}", 18, &cancelled, &err),
	    0);
	assert_false(cancelled);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_said_is_asked),
		cmocka_unit_test(a_result_of_berthd_is_understood),
		cmocka_unit_test(a_result_of_codexd_is_understood),
		cmocka_unit_test(nonsense_is_the_daemons_fault),
		cmocka_unit_test(a_command_is_shown_as_a_line),
		cmocka_unit_test(lists_keep_their_order),
		cmocka_unit_test(log_events_give_exact_bytes),
		cmocka_unit_test(other_events_are_told_apart),
		cmocka_unit_test(small_answers_are_understood),
	};

	return RUN_TESTS(tests);
}
