/* SPDX-License-Identifier: ISC */

#include "client/link_json.h"
#include "tests/unit/unit.h"

#include <string.h>

static void
what_a_link_says_is_understood(void **state UNUSED)
{
	static const char text[] =
	    "{\"machine\":\"gpu3\",\"state\":\"active\",\"since\":\"2026-11-21T"
	    "09:30:00Z\",\"transport\":\"openssh\",\"pid\":42,\"rtt_ms\":40.25,"
	    "\"bytes_in\":7,\"hello\":{\"version\":\"1.2.3\"},"
	    "\"error\":{\"message\":\"why\"},\"new\":1}";
	AUTO_LINK_INFO info = { .machine = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(link_info_decode(text, strlen(text), &info, &err), 0);
	assert_string_equal(info.machine, "gpu3");
	assert_string_equal(info.rtt, "40.250 ms");
	assert_string_equal(info.version, "1.2.3");
	assert_string_equal(info.error, "why");
	assert_int_equal(info.bytes_in, 7);
}

static void
nothing_known_is_nothing_said(void **state UNUSED)
{
	static const char text[] =
	    "{\"machine\":\"a\",\"state\":\"disconnected\",\"since\":\"x\","
	    "\"transport\":\"local\",\"pid\":1,\"rtt_ms\":null,\"hello\":null,"
	    "\"error\":null}";
	AUTO_LINK_INFO info = { .machine = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(link_info_decode(text, strlen(text), &info, &err), 0);
	assert_null(info.rtt);
	assert_null(info.version);
	assert_null(info.error);
}

static void
what_is_no_answer_is_refused(void **state UNUSED)
{
	AUTO_LINK_INFO info = { .machine = NULL };
	AUTO_LINK_EVENT event = { .time = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(link_info_decode("{}", 2, &info, &err), -1);
	assert_int_equal(err.code, ERR_PROTO);
	assert_int_equal(link_event_decode("[]", 2, &event, &err), -1);
	assert_int_equal(err.code, ERR_PROTO);
}

static void
events_are_understood(void **state UNUSED)
{
	static const char text[] =
	    "{\"time\":\"t\",\"machine\":\"a\",\"pid\":1,\"type\":\"failure\","
	    "\"stage\":\"auth\",\"code\":\"AUTH_FAILED\",\"message\":\"m\"}";
	AUTO_LINK_EVENT event = { .time = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(link_event_decode(text, strlen(text), &event, &err),
			 0);
	assert_string_equal(event.stage, "auth");
	assert_string_equal(event.message, "m");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_link_says_is_understood),
		cmocka_unit_test(nothing_known_is_nothing_said),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(events_are_understood),
	};

	return RUN_TESTS(tests);
}
