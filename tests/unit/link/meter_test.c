/* SPDX-License-Identifier: ISC */

#include "link/meter.h"
#include "tests/unit/unit.h"

static int n_asked;

static void
on_asked(void *owner UNUSED)
{
	n_asked++;
}

static void
bytes_are_counted_and_their_rate_falls_in_silence(void **state UNUSED)
{
	struct meter meter = { 0 };
	uint64_t now = 1000;

	for (int i = 0; i < 100; i++, now += 100)
		meter_received(&meter, now, 1000);
	assert_int_equal(meter.bytes[METER_IN], 100000);
	assert_int_equal(meter.bytes[METER_OUT], 0);
	assert_in_range(meter_rate(&meter, now, METER_IN), 9000, 10000);
	assert_in_range(meter_rate(&meter, now + 4000, METER_IN), 1, 2000);
	assert_int_equal(meter_rate(&meter, now + 100000, METER_IN), 0);
}

static void
a_question_is_told_once_until_it_is_answered(void **state UNUSED)
{
	struct meter meter = { .on_asked = on_asked };

	n_asked = 0;
	meter_sent(&meter, 10, 1);
	meter_sent(&meter, 20, 1);
	assert_int_equal(n_asked, 1);
	assert_int_equal(meter.asked_ms, 10);
	meter_received(&meter, 30, 1);
	assert_int_equal(meter.asked_ms, 0);
	meter_sent(&meter, 40, 1);
	assert_int_equal(n_asked, 2);
}

static void
taking_is_a_sign_of_life_and_no_answer(void **state UNUSED)
{
	struct meter meter = { 0 };

	meter_sent(&meter, 10, 1);
	assert_int_equal(meter.heard_ms, 0);
	meter_taken(&meter, 20);
	assert_int_equal(meter.heard_ms, 20);
	assert_int_equal(meter.asked_ms, 10);
}

static void
what_is_on_its_way_takes_time(void **state UNUSED)
{
	struct meter meter = { 0 };

	meter_sent(&meter, 500, 1000000);
	meter_begin(&meter, 1000);
	assert_int_equal(meter_busy_ms(&meter, 1000), 0);
	meter_sent(&meter, 1000, 1000);
	assert_int_equal(meter_busy_ms(&meter, 1000), 0);
	meter_sent(&meter, 1000, 40000);
	assert_int_equal(meter_busy_ms(&meter, 1000), 9000);
	assert_int_equal(meter_busy_ms(&meter, 20000), 9000);
	meter_ping(&meter);
	meter_sent(&meter, 20000, 100);
	meter_pong(&meter, 20100, 100000);
	assert_int_equal(meter_busy_ms(&meter, 20100), 0);
}

static void
the_slowest_step_of_late_counts(void **state UNUSED)
{
	struct meter meter = { 0 };

	meter_begin(&meter, 1000);
	meter_sent(&meter, 1000, 200000);
	meter_taken(&meter, 4000);
	assert_int_equal(meter.step_ms, 3000);
	assert_int_equal(meter_busy_ms(&meter, 4000), 9000);
	meter_taken(&meter, 4100);
	assert_int_equal(meter.step_ms, 2950);
	for (uint64_t ms = 4200; ms <= 10200; ms += 100)
		meter_taken(&meter, ms);
	assert_int_equal(meter.step_ms, 100);
	/* An answer that overtook what waits for room is none for that. */
	meter_ping(&meter);
	meter_pong(&meter, 10200, 50000);
	assert_int_equal(meter_busy_ms(&meter, 10300), 400);
	assert_int_equal(meter_busy_ms(&meter, 10600), 0);
}

/* Who takes the first bit after a rest took no step. */
static void
rest_is_no_step(void **state UNUSED)
{
	struct meter meter = { 0 };

	meter_begin(&meter, 1000);
	meter_sent(&meter, 60000, 100);
	meter_taken(&meter, 60010);
	assert_int_equal(meter.step_ms, 0);
	assert_int_equal(meter_busy_ms(&meter, 60010), 9000);
	assert_int_equal(meter_busy_ms(&meter, 70000), 0);
	meter_sent(&meter, 90000, 100000);
	meter_taken(&meter, 90020);
	assert_int_equal(meter.step_ms, 20);
}

static void
the_round_trip_is_smoothed(void **state UNUSED)
{
	struct meter meter = { 0 };

	meter_pong(&meter, 1, 800);
	assert_int_equal(meter.rtt_us, 800);
	meter_pong(&meter, 2, 1600);
	assert_int_equal(meter.rtt_us, 900);
	for (int i = 0; i < 100; i++)
		meter_pong(&meter, 3, 0);
	assert_in_range(meter.rtt_us, 1, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    bytes_are_counted_and_their_rate_falls_in_silence),
		cmocka_unit_test(a_question_is_told_once_until_it_is_answered),
		cmocka_unit_test(taking_is_a_sign_of_life_and_no_answer),
		cmocka_unit_test(what_is_on_its_way_takes_time),
		cmocka_unit_test(the_slowest_step_of_late_counts),
		cmocka_unit_test(rest_is_no_step),
		cmocka_unit_test(the_round_trip_is_smoothed),
	};

	return RUN_TESTS(tests);
}
