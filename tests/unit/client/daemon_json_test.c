/* SPDX-License-Identifier: ISC */

#include "client/daemon_json.h"
#include "tests/unit/unit.h"

#include <string.h>

static void
what_a_daemon_says_is_understood(void **state UNUSED)
{
	static const char text[] =
	    "{\"state_dir\":\"/s\",\"time\":\"2026-11-21T09:30:00Z\","
	    "\"disk\":{\"free_bytes\":7,\"total_bytes\":9},"
	    "\"gpus\":[{\"model\":\"A100\",\"address\":\"0\"},{}],\"new\":1}";
	AUTO_DAEMON_INFO info = DAEMON_INFO_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(daemon_info_decode(text, strlen(text), &info, &err),
			 0);
	assert_string_equal(info.state_dir, "/s");
	assert_string_equal(info.time, "2026-11-21T09:30:00Z");
	assert_int_equal(info.free_bytes, 7);
	assert_int_equal(info.n_gpus, 2);
	assert_string_equal(info.gpu, "A100");
}

static void
an_old_daemon_says_less(void **state UNUSED)
{
	AUTO_DAEMON_INFO info = DAEMON_INFO_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(daemon_info_decode("{\"disk\":null}", 13, &info, &err),
			 0);
	assert_null(info.time);
	assert_int_equal(info.free_bytes, -1);
	assert_int_equal(info.n_gpus, -1);
}

static void
what_is_no_json_is_refused(void **state UNUSED)
{
	AUTO_DAEMON_INFO info = DAEMON_INFO_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(daemon_info_decode("{", 1, &info, &err), -1);
	assert_int_equal(err.code, ERR_PROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_daemon_says_is_understood),
		cmocka_unit_test(an_old_daemon_says_less),
		cmocka_unit_test(what_is_no_json_is_refused),
	};

	return RUN_TESTS(tests);
}
