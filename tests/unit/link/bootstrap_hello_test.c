/* SPDX-License-Identifier: ISC */

#include "link/bootstrap_hello.h"
#include "tests/unit/unit.h"

#include <string.h>

#define PROGRAM "\"program\":{\"path\":\"/b\",\"version\":\"0.1.0\",\"api\":1}"
#define DAEMON                                                                 \
	"\"daemon\":{\"version\":\"0.2.0\",\"api\":2,\"uid\":7,"               \
	"\"host_id\":\"h\",\"nonce\":\"n\"}"

static int
read_text(const char *text, struct bootstrap_hello *ret)
{
	struct err err = ERR_INIT;
	int rc = bootstrap_hello_read(text, strlen(text), ret, &err);

	assert_int_equal(err.code, rc < 0 ? ERR_PROTO : ERR_NONE);
	return rc;
}

static void
a_hello_is_read_with_and_without_a_daemon(void **state UNUSED)
{
	struct bootstrap_hello h = { 0 };

	assert_int_equal(read_text("{" PROGRAM ",\"daemon\":null}", &h), 0);
	assert_false(h.is_running);
	assert_string_equal(h.program, "/b");
	bootstrap_hello_fini(&h);
	assert_int_equal(read_text("{" PROGRAM "," DAEMON
				   ",\"socket\":\"/s\",\"life\":\"detached\"}",
				   &h),
			 0);
	assert_true(h.is_running);
	assert_int_equal(h.api, 2);
	assert_int_equal(h.uid, 7);
	assert_string_equal(h.socket, "/s");
	assert_string_equal(h.nonce, "n");
	bootstrap_hello_fini(&h);
	bootstrap_hello_fini(&h);
}

static void
anything_else_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {
		"",
		"sh: not found",
		"[]",
		"{}",
		"{\"program\":{\"path\":\"/b\",\"version\":\"1\"}}",
		"{\"program\":{\"path\":\"/b\",\"version\":\"1\",\"api\":0}}",
		"{" PROGRAM "," DAEMON ",\"socket\":\"s\",\"life\":\"x\"}",
		"{" PROGRAM "," DAEMON ",\"life\":\"detached\"}",
		"{" PROGRAM "," DAEMON ",\"socket\":\"/s\"}",
		"{" PROGRAM ",\"daemon\":{\"version\":\"1\"}}",
	};
	struct bootstrap_hello h = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(read_text(bad[i], &h), -1);
	assert_null(h.program);
}

static void
versions_are_compared_by_their_numbers(void **state UNUSED)
{
	assert_true(version_cmp("0.9.0", "0.10.0") < 0);
	assert_true(version_cmp("1.0", "0.99.99") > 0);
	assert_int_equal(version_cmp("0.1.0", "0.1.0"), 0);
	assert_true(version_cmp("", "0.0.1") < 0);
	assert_true(version_cmp("99999999999999999999.0", "1") > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_is_read_with_and_without_a_daemon),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(versions_are_compared_by_their_numbers),
	};

	return RUN_TESTS(tests);
}
