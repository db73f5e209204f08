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
		cmocka_unit_test(the_round_trip_is_smoothed),
	};

	return RUN_TESTS(tests);
}
