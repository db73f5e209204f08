/* SPDX-License-Identifier: ISC */

#include "berthd/exec/tree.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"

#define DEADLINE_MS 10000

/* Each process of a tree says one byte when it is in place. */
struct nest {
	int ready[2];
};

static void
nest_open(struct nest *nest)
{
	tree_adopt();
	assert_int_equal(pipe2(nest->ready, O_CLOEXEC), 0);
}

static void __attribute__((noreturn)) stay(const struct nest *nest)
{
	(void)!write(nest->ready[1], "", 1);
	for (;;)
		(void)pause();
}

static void
nest_wait(const struct nest *nest, size_t n)
{
	char bytes[512];

	assert_true(n <= sizeof(bytes));
	assert_int_equal(read_full(nest->ready[0], bytes, n), n);
}

static void
nest_close(const struct nest *nest)
{
	close(nest->ready[0]);
	close(nest->ready[1]);
}

/* Reap what is dead; false when nobody is left. */
static bool
reap(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		;
	return pid == 0;
}

/* As the holder does: kill until nothing is left. */
static void
kill_all(void)
{
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;

	do {
		tree_kill();
		assert_true(clock_mono_ms() < deadline);
		/* The killed need a moment to die. */
		(void)poll(NULL, 0, 1);
	} while (reap());
	assert_int_equal(errno, ECHILD);
}

static void
nobody_is_found_where_nobody_is(void **state UNUSED)
{
	tree_adopt();
	assert_int_equal(tree_signal(SIGTERM), 0);
	tree_kill();
}

static void
grandchildren_in_their_own_sessions_are_found(void **state UNUSED)
{
	struct nest nest;

	nest_open(&nest);
	if (fork() == 0) {
		for (int i = 0; i < 3; i++) {
			if (fork() == 0) {
				(void)setsid();
				if (fork() == 0)
					stay(&nest);
				stay(&nest);
			}
		}
		stay(&nest);
	}
	nest_wait(&nest, 7);
	assert_int_equal(tree_signal(0), 7);
	kill_all();
	nest_close(&nest);
}

static void
orphans_are_found(void **state UNUSED)
{
	struct nest nest;
	pid_t parent;

	nest_open(&nest);
	parent = fork();
	if (parent == 0) {
		if (fork() == 0) {
			(void)setsid();
			stay(&nest);
		}
		_exit(0);
	}
	nest_wait(&nest, 1);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_int_equal(tree_signal(0), 1);
	kill_all();
	nest_close(&nest);
}

static void
the_stopped_and_the_deaf_are_killed(void **state UNUSED)
{
	struct nest nest;

	nest_open(&nest);
	if (fork() == 0) {
		for (int sig = 1; sig < NSIG; sig++)
			(void)signal(sig, SIG_IGN);
		stay(&nest);
	}
	if (fork() == 0) {
		if (fork() == 0)
			stay(&nest);
		(void)!write(nest.ready[1], "", 1);
		for (;;)
			(void)raise(SIGSTOP);
	}
	nest_wait(&nest, 3);
	kill_all();
	nest_close(&nest);
}

/* Each process lives just long enough to start the next one. */
static void
a_chain_of_forks_is_caught(void **state UNUSED)
{
	struct nest nest;

	nest_open(&nest);
	if (fork() == 0) {
		if (fork() == 0) {
			(void)!write(nest.ready[1], "", 1);
			while (fork() == 0)
				;
			_exit(0);
		}
		_exit(0);
	}
	nest_wait(&nest, 1);
	kill_all();
	nest_close(&nest);
}

static void
a_tree_that_grows_is_caught(void **state UNUSED)
{
	struct nest nest;

	nest_open(&nest);
	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			(void)!write(nest.ready[1], "", 1);
			for (int k = 0; k < 200; k++) {
				pid_t pid = fork();

				if (pid == 0)
					stay(&nest);
				(void)poll(NULL, 0, 1);
			}
			stay(&nest);
		}
	}
	nest_wait(&nest, 40);
	kill_all();
	nest_close(&nest);
}

static void
a_deep_tree_is_killed_to_its_end(void **state UNUSED)
{
	static const char script[] =
	    "[ $1 -eq 0 ] || sh -c \"$2\" sh $(($1 - 1)) \"$2\" & "
	    "printf x >&3; wait; tail -f /dev/null";
	struct nest nest;

	nest_open(&nest);
	if (fork() == 0) {
		(void)dup2(nest.ready[1], 3);
		/* Forks of forks would be slow: the kernel keeps their line. */
		execl("/bin/sh", "sh", "-c", script, "sh", "280", script, NULL);
		_exit(1);
	}
	nest_wait(&nest, 281);
	kill_all();
	nest_close(&nest);
}

static void
programs_and_their_children_are_found(void **state UNUSED)
{
	struct nest nest;

	nest_open(&nest);
	if (fork() == 0) {
		(void)dup2(nest.ready[1], 3);
		execl("/bin/sh", "sh", "-c",
		      "tail -f /dev/null & tail -f /dev/null & echo >&3; wait",
		      NULL);
		_exit(1);
	}
	nest_wait(&nest, 1);
	assert_int_equal(tree_signal(0), 3);
	kill_all();
	nest_close(&nest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_found_where_nobody_is),
		cmocka_unit_test(grandchildren_in_their_own_sessions_are_found),
		cmocka_unit_test(orphans_are_found),
		cmocka_unit_test(the_stopped_and_the_deaf_are_killed),
		cmocka_unit_test(a_chain_of_forks_is_caught),
		cmocka_unit_test(a_tree_that_grows_is_caught),
		cmocka_unit_test(a_deep_tree_is_killed_to_its_end),
		cmocka_unit_test(programs_and_their_children_are_found),
	};

	return RUN_TESTS(tests);
}
