/* SPDX-License-Identifier: ISC */

#include "wire/routes.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/text.h"

static void
every_route_is_found_by_its_own_pattern(void **state UNUSED)
{
	for (unsigned i = 0; i < ROUTES; i++) {
		const struct route_row *row = route_row((enum route)i);
		const char *hole = strstr(row->pattern, "{id}");
		char path[128], id[64];
		bool other;

		assert_non_null(row->method);
		if (hole)
			snprintf(path, sizeof(path), "%.*s%s%s",
				 (int)(hole - row->pattern), row->pattern,
				 "last", hole + 4);
		else
			snprintf(path, sizeof(path), "%s", row->pattern);
		assert_int_equal(
		    route_find(row->method, path, id, sizeof(id), &other), i);
		assert_string_equal(id, hole ? "last" : "");
	}
}

static void
unknown_paths_and_methods_are_told_apart(void **state UNUSED)
{
	static const struct {
		const char *method, *path;
		bool other_method;
	} rows[] = {
		{ "GET", "/", false },
		{ "GET", "/v1", false },
		{ "GET", "/v1/exec/", false },
		{ "GET", "/v1/exec//logs", false },
		{ "GET", "/v1/exec/a/b", false },
		{ "GET", "/v1/exec/a/logs/", false },
		{ "GET", "/V1/hello", false },
		{ "GET", "/v1/hello2", false },
		{ "PUT", "/v1/hello", true },
		{ "DELETE", "/v1/exec", true },
		{ "GET", "/v1/exec/run", true },
		{ "get", "/health", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool other = !rows[i].other_method;
		char id[64];

		if (route_find(rows[i].method, rows[i].path, id, sizeof(id),
			       &other) != ROUTES)
			fail_msg("%s %s was found", rows[i].method,
				 rows[i].path);
		assert_int_equal(other, rows[i].other_method);
	}
}

static void
run_is_a_word_and_not_an_id(void **state UNUSED)
{
	char id[64];
	bool other;

	assert_int_equal(
	    route_find("POST", "/v1/exec/run", id, sizeof(id), &other),
	    ROUTE_EXEC_RUN);
	assert_int_equal(
	    route_find("GET", "/v1/exec/runx", id, sizeof(id), &other),
	    ROUTE_EXEC_GET);
}

static void
head_is_answered_where_get_is(void **state UNUSED)
{
	char id[64];
	bool other;

	assert_int_equal(route_find("HEAD", "/health", id, sizeof(id), &other),
			 ROUTE_HEALTH);
	assert_int_equal(
	    route_find("HEAD", "/v1/exec/run", id, sizeof(id), &other), ROUTES);
}

static void
id_that_is_too_long_is_no_id(void **state UNUSED)
{
	char path[200] = "/v1/exec/", id[8];
	bool other;

	memset(path + strlen(path), 'a', 100);
	assert_int_equal(route_find("GET", path, id, sizeof(id), &other),
			 ROUTES);
	assert_int_equal(
	    route_find("GET", "/v1/exec/1234567", id, sizeof(id), &other),
	    ROUTE_EXEC_GET);
	assert_int_equal(
	    route_find("GET", "/v1/exec/12345678", id, sizeof(id), &other),
	    ROUTES);
}

/* Only codexd's routes forgive unknown parameters, only one needs no token. */
static void
flags_are_what_the_contract_says(void **state UNUSED)
{
	for (unsigned i = 0; i < ROUTES; i++) {
		const struct route_row *row = route_row((enum route)i);

		assert_int_equal((row->flags & ROUTE_OPEN) != 0,
				 i == ROUTE_HEALTH);
		if (row->flags & ROUTE_LENIENT)
			assert_null(row->query[0]);
	}
	assert_true(route_row(ROUTE_DAEMON_STOP)->flags & ROUTE_PRIVATE);
	assert_true(route_row(ROUTE_DAEMON_HANDOVER)->flags & ROUTE_PRIVATE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_found_by_its_own_pattern),
		cmocka_unit_test(unknown_paths_and_methods_are_told_apart),
		cmocka_unit_test(run_is_a_word_and_not_an_id),
		cmocka_unit_test(head_is_answered_where_get_is),
		cmocka_unit_test(id_that_is_too_long_is_no_id),
		cmocka_unit_test(flags_are_what_the_contract_says),
	};

	return RUN_TESTS(tests);
}
