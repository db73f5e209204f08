/* SPDX-License-Identifier: ISC */

#include "berthd/api.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/mem.h"
#include "tests/unit/berthd/app.h"
#include "wire/routes.h"

/* What a call by TCP is answered, with this Authorization or (NULL) none. */
static unsigned
call_tcp(struct app *app, const char *method, const char *target,
	 const char *authorization)
{
	AUTO_FREE char *words = authorization
				    ? xasprintf("%s %s", method, authorization)
				    : xstrdup(method);
	struct caller c;
	unsigned status;

	caller_init(&c, app, LISTENER_TCP);
	caller_begin(&c, words, target, NULL);
	caller_finish(&c);
	status = c.status;
	caller_fini(&c);
	return status;
}

static void
what_is_no_path_is_not_found(void **state)
{
	static const char *const paths[] = {
		"/",	     "/v1",	     "/v1/",
		"/v1/exec/", "/v2/exec",     "/health/",
		"//health",  "/v1/exec/x/y", "/v1/exec//logs"
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		app_assert_error(*state, "GET", paths[i], NULL, 404,
				 "no such path");
}

static void
another_method_is_405(void **state)
{
	static const char *const calls[][2] = {
		{ "POST", "/health" },	   { "DELETE", "/v1/exec" },
		{ "PUT", "/v1/exec/x" },   { "GET", "/v1/exec/x/cancel" },
		{ "GET", "/v1/exec/run" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		app_assert_error(*state, calls[i][0], calls[i][1], NULL, 405,
				 "no such method");
}

static void
native_routes_refuse_unknown_parameters(void **state)
{
	static const char *const targets[] = {
		"/metrics?a=b",		"/v1/hello?x",
		"/v1/daemon?verbose=1", "/v1/exec?limit=1&stat=running",
		"/v1/exec?y=",
	};

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		app_assert_error(*state, "GET", targets[i], NULL, 400,
				 "unknown query parameter");
}

static void
routes_of_codexd_ignore_them(void **state)
{
	assert_int_equal(app_call(*state, "GET", "/health?x=y", NULL, NULL),
			 200);
	app_assert_error(*state, "GET", "/v1/exec/none?x=y", NULL, 404,
			 "exec_id not found");
}

static void
the_private_socket_needs_no_token(void **state)
{
	struct app *app = *state;

	app->config.auth_token = xstrdup("secret");
	assert_int_equal(app_call(app, "GET", "/v1/hello", NULL, NULL), 200);
}

static void
by_tcp_everything_but_health_needs_the_token(void **state)
{
	struct app *app = *state;
	char id[128];
	bool other;

	app->config.auth_token = xstrdup("secret");
	for (unsigned i = 0; i < ROUTES; i++) {
		const struct route_row *row = route_row(i);
		unsigned wanted = i == ROUTE_HEALTH ? 200 : 401;
		AUTO_FREE char *path = xstrdup(row->pattern);
		char *hole = strstr(path, "{id}");

		if (hole)
			memcpy(hole, "none", 4);
		assert_int_equal(
		    route_find(row->method, path, id, sizeof(id), &other), i);
		assert_int_equal(call_tcp(app, row->method, path, NULL),
				 wanted);
	}
}

static void
only_the_token_is_the_token(void **state)
{
	static const char *const wrong[] = {
		"Bearer",	  "Bearer ",	    "Bearer secre",
		"Bearer secret ", "Bearer secretx", "bearer secret",
		"Bearer Secret",  "secret",	    "Basic secret",
		"Bearer  secret", "Bearer (null)",
	};
	struct app *app = *state;

	app->config.auth_token = xstrdup("secret");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		unsigned status = call_tcp(app, "GET", "/v1/hello", wrong[i]);

		/* Space at the end of a header is not part of its value. */
		if (strcmp(wrong[i], "Bearer secret ") == 0)
			assert_int_equal(status, 200);
		else
			assert_int_equal(status, 401);
	}
	assert_int_equal(call_tcp(app, "GET", "/v1/hello", "Bearer secret"),
			 200);
}

/*
 * A TCP socket that somebody else has opened for a daemon (socket activation,
 * a handover) does not come with a token: nothing opens it then.
 */
static void
without_a_token_nothing_is_one(void **state)
{
	static const char *const tries[] = { "Bearer (null)", "Bearer ",
					     "Bearer", "Bearer null" };

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		assert_int_equal(call_tcp(*state, "GET", "/v1/hello", tries[i]),
				 401);
	assert_int_equal(call_tcp(*state, "GET", "/health", NULL), 200);
}

static void
stopping_is_private(void **state)
{
	struct app *app = *state;

	app->config.auth_token = xstrdup("secret");
	assert_int_equal(
	    call_tcp(app, "POST", "/v1/daemon/stop", "Bearer secret"), 403);
	assert_int_equal(
	    call_tcp(app, "POST", "/v1/daemon/handover", "Bearer secret"), 403);
	assert_false(app->daemon.is_stopping);
}

static void
refusals_are_counted(void **state)
{
	struct app *app = *state;

	(void)app_call(app, "GET", "/v1/hello", NULL, NULL);
	(void)call_tcp(app, "GET", "/v1/hello", NULL);
	(void)app_call(app, "GET", "/v1/hello?x", NULL, NULL);
	assert_int_equal(app->daemon.stats.requests, 3);
	assert_int_equal(app->daemon.stats.refused, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		app_test(what_is_no_path_is_not_found),
		app_test(another_method_is_405),
		app_test(native_routes_refuse_unknown_parameters),
		app_test(routes_of_codexd_ignore_them),
		app_test(the_private_socket_needs_no_token),
		app_test(by_tcp_everything_but_health_needs_the_token),
		app_test(only_the_token_is_the_token),
		app_test(without_a_token_nothing_is_one),
		app_test(stopping_is_private),
		app_test(refusals_are_counted),
	};

	return cmocka_run_group_tests(tests, rig_start_spawner,
				      rig_stop_spawner);
}
