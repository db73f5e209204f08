/* SPDX-License-Identifier: ISC */

#include "link/hello.h"
#include "tests/unit/unit.h"

static void
only_the_daemon_that_was_met_is_taken(void **state UNUSED)
{
	static const struct {
		const char *hello;
		enum err_code code;
	} rows[] = {
		{ "{\"uid\":7,\"host_id\":\"h\",\"nonce\":\"n\"}", ERR_NONE },
		{ "{\"uid\":8,\"host_id\":\"h\",\"nonce\":\"n\"}", ERR_PROTO },
		{ "{\"uid\":7,\"host_id\":\"x\",\"nonce\":\"n\"}", ERR_PROTO },
		{ "{\"uid\":7,\"host_id\":\"h\",\"nonce\":\"x\"}", ERR_PROTO },
		{ "{\"uid\":7,\"host_id\":\"h\"}", ERR_PROTO },
		{ "{\"uid\":\"7\",\"host_id\":\"h\",\"nonce\":\"n\"}",
		  ERR_PROTO },
		{ "{}", ERR_PROTO },
		{ "no json", ERR_PROTO },
	};
	const struct hello_expected expected = { .uid = 7,
						 .host_id = "h",
						 .nonce = "n" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF body = BUF_INIT(256);
		struct err err = ERR_INIT;

		(void)buf_adds(&body, rows[i].hello);
		assert_int_equal(hello_judge(&body, &expected, &err),
				 rows[i].code ? -1 : 0);
		assert_int_equal(err.code, rows[i].code);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_daemon_that_was_met_is_taken),
	};

	return RUN_TESTS(tests);
}
