/* SPDX-License-Identifier: ISC */

#include "berth/out/human.h"
#include "tests/unit/unit.h"

#include <time.h>

#include "core/clock.h"

static char out[HUMAN_SIZE];

static void
bytes_have_two_digits_and_a_unit(void **state UNUSED)
{
	assert_string_equal(human_bytes(out, 0), "0 B");
	assert_string_equal(human_bytes(out, 999), "999 B");
	assert_string_equal(human_bytes(out, 1023), "1023 B");
	assert_string_equal(human_bytes(out, 1024), "1.0 KiB");
	assert_string_equal(human_bytes(out, 1536), "1.5 KiB");
	assert_string_equal(human_bytes(out, 10240), "10 KiB");
	assert_string_equal(human_bytes(out, 1048575), "1.0 MiB");
	assert_string_equal(human_bytes(out, 230ull << 20), "230 MiB");
	assert_string_equal(human_bytes(out, UINT64_MAX), "16 EiB");
}

static void
durations_have_two_units(void **state UNUSED)
{
	assert_string_equal(human_duration(out, 0), "0 ms");
	assert_string_equal(human_duration(out, 999), "999 ms");
	assert_string_equal(human_duration(out, 1500), "1.5 s");
	assert_string_equal(human_duration(out, 59999), "59.9 s");
	assert_string_equal(human_duration(out, 125000), "2m 05s");
	assert_string_equal(human_duration(out, 12000000), "3h 20m");
	assert_string_equal(human_duration(out, 367200000), "4d 06h");
}

static void
ages_have_one(void **state UNUSED)
{
	assert_string_equal(human_age(out, 12999), "12s");
	assert_string_equal(human_age(out, 60000), "1m");
	assert_string_equal(human_age(out, 3 * 3600000), "3h");
	assert_string_equal(human_age(out, 50 * 3600000), "2d");
}

static void
times_are_local(void **state UNUSED)
{
	setenv("TZ", "UTC-2", 1);
	tzset();
	assert_string_equal(human_time(out, "2026-11-21T10:30:05.5Z"),
			    "2026-11-21 12:30:05");
	assert_string_equal(human_time(out, "soon"), "-");
	assert_string_equal(human_time(out, NULL), "-");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_have_two_digits_and_a_unit),
		cmocka_unit_test(durations_have_two_units),
		cmocka_unit_test(ages_have_one),
		cmocka_unit_test(times_are_local),
	};

	return RUN_TESTS(tests);
}
