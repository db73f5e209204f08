/* SPDX-License-Identifier: ISC */

#include "link/retry.h"
#include "tests/unit/unit.h"

static void
pauses_double_with_jitter_up_to_a_maximum(void **state UNUSED)
{
	uint64_t most[] = { 100, 200, 400, 800, 1000, 1000 };
	struct retry retry;
	uint64_t now = 5000, ms;

	retry_init(&retry, 100, 100, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
		assert_true(retry_next(&retry, now, false, &ms));
		assert_in_range(ms, most[i] / 2, most[i]);
		now += ms;
	}
}

static void
the_limit_ends_it_and_a_reset_begins_anew(void **state UNUSED)
{
	struct retry retry;
	uint64_t now = 1, ms;

	retry_init(&retry, 3, 10, 10);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++) {
			assert_true(retry_next(&retry, now, false, &ms));
			now += ms;
		}
		assert_false(retry_next(&retry, now, false, &ms));
		retry_reset(&retry);
	}
}

static void
haste_does_not_use_up_the_limit(void **state UNUSED)
{
	struct retry retry;
	uint64_t now = 1, due, ms;
	unsigned n = 0;

	retry_init(&retry, 2, 30000, 30000);
	assert_true(retry_next(&retry, now, true, &ms));
	assert_in_range(ms, 500, 1000);
	due = retry.due_ms;
	assert_in_range(due, now + 15000, now + 30000);
	for (now += ms; now < due; now += ms, n++) {
		assert_true(retry_next(&retry, now, true, &ms));
		assert_in_range(ms, 1, 1000);
		assert_int_equal(retry.n, 1);
	}
	assert_true(n >= 15);
	assert_true(retry_next(&retry, now, true, &ms));
	assert_int_equal(retry.n, 2);
	assert_false(retry_next(&retry, retry.due_ms, true, &ms));
}

/* One that is reached each time is never given up, nor asked faster. */
static void
what_is_reached_has_failed_no_more(void **state UNUSED)
{
	struct retry retry;
	uint64_t now = 1, ms;

	retry_init(&retry, 2, 100, 1000);
	for (int i = 0; i < 10; i++) {
		assert_true(retry_next(&retry, now, false, &ms));
		now += ms;
		retry_reached(&retry);
	}
	assert_in_range(ms, 500, 1000);
	retry_reset(&retry);
	assert_true(retry_next(&retry, now, false, &ms));
	assert_in_range(ms, 50, 100);
}

static void
only_what_lies_in_between_is_tried_again(void **state UNUSED)
{
	for (int code = 1; code < ERR_CODES; code++) {
		struct err err = { .code = (enum err_code)code };

		assert_int_equal(retry_may_help(&err),
				 code == ERR_UNREACHABLE ||
				     code == ERR_TIMEOUT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_double_with_jitter_up_to_a_maximum),
		cmocka_unit_test(the_limit_ends_it_and_a_reset_begins_anew),
		cmocka_unit_test(haste_does_not_use_up_the_limit),
		cmocka_unit_test(what_is_reached_has_failed_no_more),
		cmocka_unit_test(only_what_lies_in_between_is_tried_again),
	};

	return RUN_TESTS(tests);
}
