/* SPDX-License-Identifier: ISC */

#include "core/parse.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>

static void
numbers_are_taken_whole_or_not_at_all(void **state UNUSED)
{
	static const char *const bad[] = {
		"",
		" 1",
		"1 ",
		"+1",
		"-1",
		"0x10",
		"1e3",
		"1.0",
		"1,000",
		"18446744073709551616",
		"99999999999999999999999",
		"\xd9\xa1",
	};
	uint64_t n = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(parse_u64(bad[i], 0, UINT64_MAX, &n, &err),
				 -1);
		assert_err(err, ERR_INVALID, "is not a number");
		assert_int_equal(n, 7);
	}
}

static void
numbers_stay_within_their_bounds(void **state UNUSED)
{
	struct err err = ERR_INIT;
	uint64_t n;

	assert_int_equal(
	    parse_u64("18446744073709551615", 0, UINT64_MAX, &n, &err), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse_u64("0010", 10, 10, &n, &err), 0);
	assert_int_equal(parse_u64("9", 10, 20, &n, &err), -1);
	assert_err(err, ERR_INVALID, "9 is not between 10 and 20");
	assert_int_equal(parse_u64("21", 10, 20, &n, &err), -1);
}

static void
signed_numbers_reach_both_ends(void **state UNUSED)
{
	struct err err = ERR_INIT;
	int64_t n;

	assert_int_equal(
	    parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &n, &err),
	    0);
	assert_true(n == INT64_MAX);
	assert_int_equal(
	    parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &n, &err),
	    0);
	assert_true(n == INT64_MIN);
	assert_int_equal(
	    parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &n, &err),
	    -1);
	assert_int_equal(
	    parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &n, &err),
	    -1);
	assert_int_equal(parse_i64("--1", -9, 9, &n, &err), -1);
	assert_int_equal(parse_i64("-", -9, 9, &n, &err), -1);
	assert_int_equal(parse_i64("-5", -4, 9, &n, &err), -1);
	assert_err(err, ERR_INVALID, "-5 is not between -4 and 9");
}

static void
sizes_have_units_of_1024(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint64_t n;
	} rows[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "4096B", 4096 },
		{ "64K", 65536 },
		{ "64k", 65536 },
		{ "64KB", 65536 },
		{ "64KiB", 65536 },
		{ "10M", 10485760 },
		{ "1.5G", 1610612736 },
		{ "0.25K", 256 },
		{ "2T", 2199023255552 },
		{ "0.1K", 102 },
		{ "16777215.999999T", 18446744073708452104ull },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		uint64_t n = 1;

		if (parse_bytes(rows[i].text, &n, &err) < 0 || n != rows[i].n)
			fail_msg("%s: %" PRIu64 " %s", rows[i].text, n,
				 err.msg);
	}
}

static void
what_is_not_a_size_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {
		"",	      "K",	   "-1",
		"1 K",	      "1.K",	   ".5K",
		"1.5",	      "1.5B",	   "1X",
		"1KK",	      "1BB",	   "1iB",
		"1BiB",	      "1KiBs",	   "1e3",
		"1.1.1K",     "16777216T", "18446744073709551616",
		"1.0000000K",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;
		uint64_t n = 7;

		if (parse_bytes(bad[i], &n, &err) == 0)
			fail_msg("%s was taken as %" PRIu64, bad[i], n);
		assert_err(err, ERR_INVALID, "is not a size");
		assert_int_equal(n, 7);
	}
}

static void
durations_are_milliseconds(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = {
		{ "0", 0 },	     { "0s", 0 },	  { "90", 90000 },
		{ "250ms", 250 },    { "10m", 600000 },	  { "1h30m", 5400000 },
		{ "1m5s", 65000 },   { "2d", 172800000 }, { "1w", 604800000 },
		{ "1s250ms", 1250 }, { "0h5m", 300000 },  { "0.5", 500 },
		{ "1.5h", 5400000 }, { "2.25", 2250 },	  { "0.25s", 250 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		uint64_t ms = 1;

		if (parse_duration(rows[i].text, &ms, &err) < 0 ||
		    ms != rows[i].ms)
			fail_msg("%s: %" PRIu64 " %s", rows[i].text, ms,
				 err.msg);
	}
}

static void
what_is_not_a_duration_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {
		"",
		"s",
		"-1",
		"1 s",
		"1.",
		".5",
		"1.5.5",
		"1..5s",
		"1h30",
		"0h30",
		"0s5",
		"10min",
		"1y",
		"1h ",
		"1H",
		"1mss",
		"99999999999999999999",
		"18446744073709551615",
		"99999999999999999w",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;
		uint64_t ms = 7;

		if (parse_duration(bad[i], &ms, &err) == 0)
			fail_msg("%s was taken as %" PRIu64, bad[i], ms);
		assert_err(err, ERR_INVALID, "is not a duration");
		assert_int_equal(ms, 7);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_taken_whole_or_not_at_all),
		cmocka_unit_test(numbers_stay_within_their_bounds),
		cmocka_unit_test(signed_numbers_reach_both_ends),
		cmocka_unit_test(sizes_have_units_of_1024),
		cmocka_unit_test(what_is_not_a_size_is_refused),
		cmocka_unit_test(durations_are_milliseconds),
		cmocka_unit_test(what_is_not_a_duration_is_refused),
	};

	return RUN_TESTS(tests);
}
