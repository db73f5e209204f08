/* SPDX-License-Identifier: ISC */

#include "core/clock.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void
times_are_written_in_their_shortest_form(void **state UNUSED)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ 1500000000, "1970-01-01T00:00:01.5Z" },
		{ 951782400ull * NS_PER_S, "2000-02-29T00:00:00Z" },
		{ 1795253400123456789ull, "2026-11-21T09:30:00.123456789Z" },
		{ UINT64_MAX, "2554-07-21T23:34:33.709551615Z" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		char text[RFC3339_SIZE];
		uint64_t back;

		assert_string_equal(rfc3339_format(text, rows[i].ns),
				    rows[i].text);
		assert_int_equal(rfc3339_parse(text, &back, &err), 0);
		assert_true(back == rows[i].ns);
	}
}

static void
every_day_has_the_calendars_name(void **state UNUSED)
{
	for (uint64_t day = 0; day < 213503; day++) {
		char text[RFC3339_SIZE], want[RFC3339_SIZE];
		time_t seconds = (time_t)(day * 86400 + day % 86400);
		struct tm tm;

		gmtime_r(&seconds, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm);
		rfc3339_format(text, (uint64_t)seconds * NS_PER_S);
		assert_string_equal(text, want);
	}
}

static void
times_are_read_in_every_form_that_rfc3339_has(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint64_t seconds;
		uint64_t ns;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "1970-01-01t00:00:00z", 0, 0 },
		{ "1970-01-01 00:00:09.25Z", 9, 250000000 },
		{ "2026-11-21T10:30:00+01:00", 1795253400, 0 },
		{ "2026-11-21T04:00:00-05:30", 1795253400, 0 },
		{ "2026-11-21T09:30:00-00:00", 1795253400, 0 },
		{ "2026-11-21T09:30:00.1234567899Z", 1795253400, 123456789 },
		{ "2024-02-29T12:00:00Z", 1709208000, 0 },
		{ "2016-12-31T23:59:60Z", 1483228800, 0 },
		{ "1970-01-01T01:00:00+01:00", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		uint64_t got = 1;

		if (rfc3339_parse(rows[i].text, &got, &err) < 0 ||
		    got != rows[i].seconds * NS_PER_S + rows[i].ns)
			fail_msg("%s: %" PRIu64 " %s", rows[i].text, got,
				 err.msg);
	}
}

static void
what_is_not_a_time_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {
		"",
		"now",
		"2026-11-21",
		"2026-11-21T09:30Z",
		"2026-11-21T09:30:00",
		"2026-11-21T09:30:00ZZ",
		" 2026-11-21T09:30:00Z",
		"2026-11-21T09:30:00.Z",
		"2026-11-21T09:30:00+0100",
		"2026-11-21T09:30:00+24:00",
		"2026-11-21T09:30:00+01:60",
		"2026-11-21T24:00:00Z",
		"2026-11-21T09:60:00Z",
		"2026-11-21T09:30:61Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-32T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2026-02-31T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+00:01",
		"2554-07-22T00:00:00Z",
		"9999-12-31T23:59:59Z",
		"20260-11-21T09:30:00Z",
		"2026-11-2109:30:00Z",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;
		uint64_t got = 7;

		if (rfc3339_parse(bad[i], &got, &err) == 0)
			fail_msg("%s was taken as %" PRIu64, bad[i], got);
		assert_err(err, ERR_INVALID, "is not a time");
		assert_true(got == 7);
	}
}

static void
random_moments_survive_writing_and_reading(void **state UNUSED)
{
	for (int i = 0; i < 20000; i++) {
		struct err err = ERR_INIT;
		uint64_t ns = unit_random(), back;
		char text[RFC3339_SIZE];

		if (i % 2)
			ns -= ns % NS_PER_S;
		rfc3339_format(text, ns);
		assert_true(strlen(text) < RFC3339_SIZE);
		assert_int_equal(rfc3339_parse(text, &back, &err), 0);
		assert_true(back == ns);
	}
}

static void
moment_is_a_time_or_so_long_ago(void **state UNUSED)
{
	uint64_t now = 1795253400ull * NS_PER_S + 5, got;
	struct err err = ERR_INIT;

	assert_int_equal(moment_parse("10m", now, &got, &err), 0);
	assert_true(got == now - 600 * NS_PER_S);
	assert_int_equal(moment_parse("0", now, &got, &err), 0);
	assert_true(got == now);
	assert_int_equal(moment_parse("9999w", now, &got, &err), 0);
	assert_true(got == 0);
	assert_int_equal(moment_parse("2026-11-21T09:30:00Z", now, &got, &err),
			 0);
	assert_true(got == 1795253400ull * NS_PER_S);

	got = 7;
	assert_int_equal(moment_parse("yesterday", now, &got, &err), -1);
	assert_err(err, ERR_INVALID, "\"yesterday\" is neither a time such as");
	assert_true(got == 7);
}

static void
clocks_go_forward(void **state UNUSED)
{
	struct clock_base base;
	uint64_t mono = clock_mono_ms(), boot = clock_boot_ns();
	uint64_t wall = clock_wall_ns(), last;

	assert_true(wall > 1700000000ull * NS_PER_S);
	clock_base_init(&base);
	last = clock_base_ns(&base);
	assert_true(last >= wall && last - wall < NS_PER_S);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_base_ns(&base);

		assert_true(now >= last);
		last = now;
	}
	assert_true(clock_mono_ms() >= mono && clock_boot_ns() > boot);
}

static void
times_before_1970_have_a_fraction_that_counts_up(void **state UNUSED)
{
	static const struct {
		int64_t ns;
		struct timespec is;
	} rows[] = {
		{ 0, { 0, 0 } },
		{ 1500000000, { 1, 500000000 } },
		{ -1, { -1, 999999999 } },
		{ -1000000000, { -1, 0 } },
		{ -1500000000, { -2, 500000000 } },
		{ INT64_MIN, { -9223372037, 145224192 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct timespec is = clock_timespec(rows[i].ns);

		assert_int_equal(is.tv_sec, rows[i].is.tv_sec);
		assert_int_equal(is.tv_nsec, rows[i].is.tv_nsec);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_in_their_shortest_form),
		cmocka_unit_test(every_day_has_the_calendars_name),
		cmocka_unit_test(times_are_read_in_every_form_that_rfc3339_has),
		cmocka_unit_test(what_is_not_a_time_is_refused),
		cmocka_unit_test(random_moments_survive_writing_and_reading),
		cmocka_unit_test(moment_is_a_time_or_so_long_ago),
		cmocka_unit_test(clocks_go_forward),
		cmocka_unit_test(
		    times_before_1970_have_a_fraction_that_counts_up),
	};

	return RUN_TESTS(tests);
}
