/* SPDX-License-Identifier: ISC */

#include "link/vigil.h"
#include "tests/unit/unit.h"

#include "core/clock.h"
#include "link/meter.h"

static struct {
	uv_loop_t loop;
	struct vigil vigil;
	struct meter meter;
	uv_timer_t more;
	int n_pings, n_dead, n_woken, n_heard;
	bool answers;
} t;

static void
ping(void *owner UNUSED)
{
	t.n_pings++;
	if (t.answers)
		vigil_pong(&t.vigil);
	if (t.answers && t.n_pings == 3)
		uv_stop(&t.loop);
}

static void
on_dead(uint64_t silent_ms UNUSED, void *owner UNUSED)
{
	t.n_dead++;
	uv_stop(&t.loop);
}

static void
on_wake(void *owner UNUSED)
{
	t.n_woken++;
}

static void
on_closed(uv_handle_t *handle UNUSED)
{
}

static int
setup(void **state UNUSED)
{
	const struct vigil_config config = { .loop = &t.loop,
					     .keep_alive_ms = 20,
					     .meter = &t.meter,
					     .ping = ping,
					     .on_dead = on_dead,
					     .on_wake = on_wake };

	t.n_pings = t.n_dead = t.n_woken = t.n_heard = 0;
	t.answers = false;
	t.meter = (struct meter){ .heard_ms = clock_mono_ms() };
	uv_loop_init(&t.loop);
	vigil_init(&t.vigil, &config);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	vigil_fini(&t.vigil, on_closed, NULL);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&t.loop);
}

static void
signs_of_life_keep_a_connection(void **state UNUSED)
{
	t.answers = true;
	vigil_watch(&t.vigil, true);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_true(t.n_pings >= 3);
	assert_int_equal(t.n_dead, 0);
}

static void
silence_is_death_within_seconds(void **state UNUSED)
{
	uint64_t began = clock_mono_ms();

	vigil_watch(&t.vigil, true);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_int_equal(t.n_pings, 1);
	assert_int_equal(t.n_dead, 1);
	assert_true(clock_mono_ms() - began < 6000);
}

/* The machine sends or takes something, and the answer waits behind it. */
static void
on_more(uv_timer_t *timer)
{
	t.meter.heard_ms = clock_mono_ms();
	if (++t.n_heard == 4)
		uv_timer_stop(timer);
}

static void
who_is_heard_is_not_dead(void **state UNUSED)
{
	uv_timer_init(&t.loop, &t.more);
	uv_timer_start(&t.more, on_more, 1000, 1000);
	vigil_watch(&t.vigil, true);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&t.more, on_closed);
	assert_int_equal(t.n_heard, 4);
	assert_int_equal(t.n_pings, 1);
	assert_int_equal(t.n_dead, 1);
	assert_true(clock_mono_ms() - t.meter.heard_ms >= 3000);
}

static void
patience_is_longer_for_who_is_not_seen(void **state UNUSED)
{
	vigil_watch(&t.vigil, true);
	vigil_probe(&t.vigil);
	vigil_be_patient(&t.vigil, 4500);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_int_equal(t.n_dead, 1);
	assert_true(clock_mono_ms() - t.meter.heard_ms >= 4500);
}

static void
patience_is_longer_while_much_is_on_its_way(void **state UNUSED)
{
	meter_sent(&t.meter, t.meter.heard_ms, 20000);
	t.meter.step_ms = 600;
	vigil_watch(&t.vigil, true);
	vigil_probe(&t.vigil);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_int_equal(t.n_dead, 1);
	assert_true(clock_mono_ms() - t.meter.heard_ms >= 5400);
}

static void
without_a_connection_nothing_is_asked(void **state UNUSED)
{
	vigil_probe(&t.vigil);
	for (int i = 0; i < 3; i++)
		uv_run(&t.loop, UV_RUN_ONCE);
	assert_int_equal(t.n_pings, 0);
}

static void
sleep_is_known_by_the_time_that_is_missing(void **state UNUSED)
{
	const uint64_t s = NS_PER_S;

	assert_false(vigil_has_slept(100 * s, 115 * s, 15000));
	assert_false(vigil_has_slept(100 * s, 116 * s, 15000));
	assert_true(vigil_has_slept(100 * s, 118 * s, 15000));
	assert_true(vigil_has_slept(100 * s, 900 * s, 15000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signs_of_life_keep_a_connection,
						setup, teardown),
		cmocka_unit_test_setup_teardown(silence_is_death_within_seconds,
						setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_heard_is_not_dead, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
		    patience_is_longer_for_who_is_not_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    patience_is_longer_while_much_is_on_its_way, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    without_a_connection_nothing_is_asked, setup, teardown),
		cmocka_unit_test(sleep_is_known_by_the_time_that_is_missing),
	};

	return RUN_TESTS(tests);
}
