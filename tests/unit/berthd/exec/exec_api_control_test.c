/* SPDX-License-Identifier: ISC */

#include "berthd/exec/exec_api.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "berthd/exec/exec.h"
#include "berthd/exec/store.h"
#include "core/mem.h"
#include "tests/unit/berthd/app.h"

static const char waiting[] =
    "{\"argv\":[\"tail\",\"-f\",\"/dev/null\"],\"grace\":5}";
static const char reading[] = "{\"argv\":[\"cat\"],\"stdin\":true}";

static char *
target_of(const char *id, const char *rest)
{
	return xasprintf("/v1/exec/%s%s", id, rest);
}

static void
post(struct app *app, const char *id, const char *verb, const char *body,
     const char *wanted)
{
	AUTO_FREE char *target = target_of(id, verb);
	AUTO_BUF text = BUF_INIT(4096);
	unsigned status = app_call(app, "POST", target, body, &text);

	if (status != 200 || strcmp(buf_text(&text), wanted) != 0)
		fail_msg("%s: %u %s", verb, status, buf_text(&text));
}

static void
refuse(struct app *app, const char *id, const char *verb, const char *body,
       unsigned status, const char *part)
{
	AUTO_FREE char *target = target_of(id, verb);

	app_assert_error(app, "POST", target, body, status, part);
}

static void
assert_log(struct app *app, const char *id, const char *wanted)
{
	AUTO_FREE char *target = target_of(id, "/logs?format=raw");
	AUTO_BUF text = BUF_INIT(1 << 20);

	assert_int_equal(app_call(app, "GET", target, NULL, &text), 200);
	assert_string_equal(buf_text(&text), wanted);
}

static void
cancel_answers_when_all_is_over(void **state)
{
	const char *id = app_start(*state, waiting);

	post(*state, id, "/cancel", NULL, "{\"canceled\":true}\n");
	post(*state, id, "/cancel", "",
	     "{\"canceled\":false,\"reason\":\"not running\"}\n");
}

static void
cancel_takes_a_grace_and_a_signal(void **state)
{
	AUTO_FREE char *target = NULL;
	const char *id = app_start(*state, waiting);
	AUTO_JSON *value = NULL;

	post(*state, id, "/cancel", "{\"grace\":\"1m\",\"signal\":\"SIGINT\"}",
	     "{\"canceled\":true}\n");
	target = target_of(id, "");
	value = app_json(*state, "GET", target, NULL);
	assert_string_equal(json_get_text(value, "signal", ""), "SIGINT");
	assert_string_equal(json_get_text(value, "reason", ""), "cancelled");
}

static void
cancel_refuses_what_it_does_not_know(void **state)
{
	const char *id = app_start(*state, waiting);

	refuse(*state, id, "/cancel", "{\"force\":true}", 400, "force");
	refuse(*state, id, "/cancel", "{\"signal\":\"NONE\"}", 400,
	       "not a signal");
	refuse(*state, id, "/cancel", "{\"signal\":\"65\"}", 400,
	       "not a signal");
	refuse(*state, id, "/cancel", "[", 400, "");
	post(*state, id, "/cancel", "{}", "{\"canceled\":true}\n");
	refuse(*state, "none", "/cancel", NULL, 404, "exec_id not found");
}

static void
signals_have_names_and_numbers(void **state)
{
	static const char *const names[] = { "CONT", "SIGCONT", "sigcont",
					     "18" };
	const char *id = app_start(*state, waiting);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FREE char *body = xasprintf("{\"signal\":\"%s\"}",
						 names[i]);

		post(*state, id, "/signal", body, "{\"ok\":true}\n");
	}
	refuse(*state, id, "/signal", "{}", 400, "signal");
	refuse(*state, id, "/signal", NULL, 400, "");
	refuse(*state, id, "/signal", "{\"signal\":\"0\"}", 400,
	       "not a signal");
	refuse(*state, id, "/resize", "{\"cols\":1,\"rows\":1}", 409,
	       "has no terminal");
	post(*state, id, "/signal", "{\"signal\":\"KILL\"}", "{\"ok\":true}\n");
	app_await(*state, id);
	refuse(*state, id, "/signal", "{\"signal\":\"KILL\"}", 409,
	       "is not running");
}

static void
a_terminal_can_be_resized(void **state)
{
	const char *id = app_start(
	    *state, "{\"cmd\":\"read x; stty size\",\"tty\":true}");

	refuse(*state, id, "/resize", "{\"cols\":0,\"rows\":1}", 400, "cols");
	refuse(*state, id, "/resize", "{\"cols\":1}", 400, "rows");
	post(*state, id, "/resize", "{\"cols\":132,\"rows\":43}",
	     "{\"ok\":true}\n");
	post(*state, id, "/stdin", "\n", "{\"offset\":1,\"closed\":false}\n");
	app_await(*state, id);
	assert_log(*state, id, "\r\n43 132\r\n");
}

static void
input_counts_on(void **state)
{
	const char *id = app_start(*state, reading);

	post(*state, id, "/stdin", "one ", "{\"offset\":4,\"closed\":false}\n");
	post(*state, id, "/stdin", "two ", "{\"offset\":8,\"closed\":false}\n");
	/* A resend is harmless, a hole is not. */
	post(*state, id, "/stdin?offset=4", "two three",
	     "{\"offset\":13,\"closed\":false}\n");
	refuse(*state, id, "/stdin?offset=14", "x", 409, "up to 13");
	refuse(*state, id, "/stdin?offset=-1", "x", 400, "offset");
	post(*state, id, "/stdin?eof=true", NULL,
	     "{\"offset\":13,\"closed\":true}\n");
	app_await(*state, id);
	assert_log(*state, id, "one two three");
	refuse(*state, id, "/stdin", "x", 409, "is not running");
}

static void
input_larger_than_any_buffer_gets_through(void **state)
{
	struct app *app = *state;
	const char *id = app_start(app, "{\"cmd\":\"wc -c\",\"stdin\":true}");
	AUTO_FREE char *target = target_of(id, "/stdin?eof=true");
	AUTO_FREE char *noise = xcalloc(1, 65536);
	struct caller c;

	memset(noise, 'x', 65536);
	caller_init(&c, app, LISTENER_UNIX);
	caller_begin_body(&c, target);
	for (int i = 0; i < 64; i++)
		(void)http_call_write(c.call, noise, 65536);
	http_call_write_end(c.call);
	caller_finish(&c);
	assert_int_equal(c.status, 200);
	assert_string_equal(buf_text(&c.body),
			    "{\"offset\":4194304,\"closed\":true}\n");
	caller_fini(&c);
	app_await(app, id);
	assert_log(app, id, "4194304\n");
}

/* Both would write behind what is there: neither may swallow the other's. */
static void
the_later_of_two_writers_is_right(void **state)
{
	struct app *app = *state;
	const char *id = app_start(app, reading);
	AUTO_FREE char *target = target_of(id, "/stdin");
	struct caller first;

	caller_init(&first, app, LISTENER_UNIX);
	caller_begin_body(&first, target);
	(void)http_call_write(first.call, "first ", 6);
	rig_until(&app->rig,
		  exec_store_at(app->daemon.store, 0)->in_taken == 6);
	post(app, id, "/stdin", "second", "{\"offset\":12,\"closed\":false}\n");
	caller_finish(&first);
	assert_int_equal(first.status, 409);
	assert_non_null(strstr(buf_text(&first.body), "gets other input now"));
	caller_fini(&first);
	post(app, id, "/stdin?eof", "", "{\"offset\":12,\"closed\":true}\n");
	app_await(app, id);
	assert_log(app, id, "first second");
}

static void
an_end_for_a_terminal_is_answered(void **state)
{
	const char *id = app_start(
	    *state, "{\"cmd\":\"stty -echo; echo ready; cat\",\"tty\":true}");

	/* Wait for the echo to be off. */
	for (;;) {
		AUTO_FREE char *target = target_of(id, "/logs?format=raw");
		AUTO_BUF text = BUF_INIT(4096);

		(void)app_call(*state, "GET", target, NULL, &text);
		if (strstr(buf_text(&text), "ready"))
			break;
	}
	post(*state, id, "/stdin", "x\n", "{\"offset\":2,\"closed\":false}\n");
	post(*state, id, "/stdin?eof=true", NULL,
	     "{\"offset\":2,\"closed\":false}\n");
	app_await(*state, id);
	assert_log(*state, id, "ready\r\nx\r\n");
}

static void
who_does_not_want_input_gets_none(void **state)
{
	const char *id = app_start(*state, waiting);

	refuse(*state, id, "/stdin", "x", 409, "started without input");
	post(*state, id, "/cancel", NULL, "{\"canceled\":true}\n");
}

static void
input_for_who_stops_reading_is_refused(void **state)
{
	struct app *app = *state;
	const char *id = app_start(
	    app, "{\"cmd\":\"exec <&-; tail -f /dev/null\",\"stdin\":true}");
	struct err err = ERR_INIT;
	struct exec *exec = exec_store_find(app->daemon.store, id, &err);
	AUTO_FREE char *target = target_of(id, "/stdin");
	unsigned status;

	do {
		AUTO_BUF text = BUF_INIT(4096);

		status = app_call(app, "POST", target, "x", &text);
	} while (status == 200 && !exec->in_closed);
	refuse(app, id, "/stdin", "x", 409, "reads no more input");
	post(app, id, "/cancel", "{\"grace\":0}", "{\"canceled\":true}\n");
}

/*
 * A request whose body dawdles, for an exec that is removed meanwhile: what it
 * was found for is gone.
 */
static void
a_slow_request_survives_its_exec(void **state)
{
	static const char *const verbs[] = { "/cancel", "/signal" };
	struct app *app = *state;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		const char *id = app_start(app, waiting);
		AUTO_FREE char *target = target_of(id, verbs[i]);
		AUTO_FREE char *whole = target_of(id, "");
		struct caller c;

		caller_init(&c, app, LISTENER_UNIX);
		caller_begin_body(&c, target);
		(void)http_call_write(c.call, "{\"sig", 5);
		for (int k = 0; k < 20; k++)
			rig_turn(&app->rig);
		post(app, id, "/cancel", NULL, "{\"canceled\":true}\n");
		assert_int_equal(app_call(app, "DELETE", whole, NULL, NULL),
				 200);
		for (int k = 0; k < 20; k++)
			rig_turn(&app->rig);
		(void)http_call_write(c.call, "nal\":\"KILL\"}", 12);
		http_call_write_end(c.call);
		caller_finish(&c);
		assert_int_equal(c.status, 404);
		caller_fini(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		app_test(cancel_answers_when_all_is_over),
		app_test(cancel_takes_a_grace_and_a_signal),
		app_test(cancel_refuses_what_it_does_not_know),
		app_test(signals_have_names_and_numbers),
		app_test(a_terminal_can_be_resized),
		app_test(input_counts_on),
		app_test(input_larger_than_any_buffer_gets_through),
		app_test(the_later_of_two_writers_is_right),
		app_test(an_end_for_a_terminal_is_answered),
		app_test(who_does_not_want_input_gets_none),
		app_test(input_for_who_stops_reading_is_refused),
		app_test(a_slow_request_survives_its_exec),
	};

	return cmocka_run_group_tests(tests, rig_start_spawner,
				      rig_stop_spawner);
}
