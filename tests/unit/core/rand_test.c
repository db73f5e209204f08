/* SPDX-License-Identifier: ISC */

#include "core/rand.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "core/clock.h"
#include "core/mem.h"

static void
names_sort_by_time(void **state UNUSED)
{
	char a[ID_SIZE], b[ID_SIZE];

	for (int i = 0; i < 1000; i++) {
		uint64_t ms = unit_random() >> 20;

		id_new(a, ms * NS_PER_MS);
		id_new(b, (ms + 1) * NS_PER_MS);
		assert_int_equal(strlen(a), ID_SIZE - 1);
		assert_int_equal(strspn(a, "0123456789abcdefghjkmnpqrstvwxyz"),
				 ID_SIZE - 1);
		assert_true(strcmp(a, b) < 0);
	}
}

static void
time_is_written_as_ulid_does(void **state UNUSED)
{
	char id[ID_SIZE];

	/* The example of the ULID specification. */
	id_new(id, 1469918176385ull * NS_PER_MS);
	assert_memory_equal(id, "01aryz6s41", 10);
	id_new(id, 0);
	assert_memory_equal(id, "0000000000", 10);
}

static void
names_of_one_moment_differ(void **state UNUSED)
{
	char ids[1000][ID_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		id_new(ids[i], 1);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(ids[i], ids[j]);
	}
}

static void
on_alarm(int sig UNUSED)
{
}

/* A large request is cut short by signals: it must go on, not abort. */
static void
randomness_comes_whole_through_signals(void **state UNUSED)
{
	const struct itimerval often = { { 0, 100 }, { 0, 100 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	const struct sigaction act = { .sa_handler = on_alarm };
	size_t size = 4u << 20, zeros = 0;
	AUTO_FREE unsigned char *bytes = xcalloc(size, 1);

	assert_return_code(sigaction(SIGALRM, &act, NULL), 0);
	assert_return_code(setitimer(ITIMER_REAL, &often, NULL), 0);
	rand_bytes(bytes, size);
	assert_return_code(setitimer(ITIMER_REAL, &never, NULL), 0);
	for (size_t i = size - 4096; i < size; i++)
		zeros += bytes[i] == 0;
	assert_true(zeros < 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_sort_by_time),
		cmocka_unit_test(time_is_written_as_ulid_does),
		cmocka_unit_test(names_of_one_moment_differ),
		cmocka_unit_test(randomness_comes_whole_through_signals),
	};

	return RUN_TESTS(tests);
}
