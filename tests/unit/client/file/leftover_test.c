/* SPDX-License-Identifier: ISC */

#include "client/file/leftover.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/macros.h"
#include "archive/newfile.h"

#define NS_PER_S 1000000000ll

static void
names_are_temporary_ones_and_differ(void **state UNUSED)
{
	char one[LEFTOVER_NAME_SIZE];
	char two[LEFTOVER_NAME_SIZE];

	leftover_name(one);
	leftover_name(two);
	assert_true(newfile_is_temporary(one, NULL));
	assert_true(newfile_is_temporary(two, NULL));
	assert_string_not_equal(one, two);
}

static void
what_a_living_process_writes_is_left_alone(void **state UNUSED)
{
	char name[LEFTOVER_NAME_SIZE];

	leftover_name(name);
	assert_false(leftover_is_dead(name, 0));
}

static void
what_a_dead_process_wrote_is_left_over(void **state UNUSED)
{
	char name[LEFTOVER_NAME_SIZE] = "";
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		leftover_name(name);
		_exit(write(ends[1], name, sizeof(name)) < 0);
	}
	assert_int_equal(read(ends[0], name, sizeof(name)), sizeof(name));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ends[0]);
	close(ends[1]);
	assert_true(leftover_is_dead(name, time(NULL) * NS_PER_S));
}

static void
what_others_wrote_is_left_over_after_a_day(void **state UNUSED)
{
	const char *name = ".berth-ffffff000001ffff.tmp";
	int64_t now = time(NULL);

	assert_false(leftover_is_dead(name, now * NS_PER_S));
	assert_false(leftover_is_dead(name, (now - 80000) * NS_PER_S));
	assert_true(leftover_is_dead(name, (now - 90000) * NS_PER_S));
	assert_false(leftover_is_dead("notes.txt", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_temporary_ones_and_differ),
		cmocka_unit_test(what_a_living_process_writes_is_left_alone),
		cmocka_unit_test(what_a_dead_process_wrote_is_left_over),
		cmocka_unit_test(what_others_wrote_is_left_over_after_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
