/* SPDX-License-Identifier: ISC */
#include "berthd/exec/orphans.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A program that waits for its standard input to end, with this variable. */
struct waiting {
	pid_t pid;
	int input;
};

static struct waiting
start(const char *variable)
{
	const char *const argv[] = { "cat", NULL };
	const char *const env[] = { "A=1", variable, "Z=1", NULL };
	struct waiting waiting;
	int ends[2], ready[2];
	char byte;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	waiting.pid = fork();
	if (waiting.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(ends[0], 0);
		execve("/bin/cat", (char **)(uintptr_t)argv,
		       (char **)(uintptr_t)env);
		_exit(1);
	}
	close(ends[0]);
	close(ready[1]);
	/* It ends when exec has closed the child's end. */
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	waiting.input = ends[1];
	return waiting;
}

/* The signal that ended it, or 0: it ended by itself when it could. */
static int
end(struct waiting *waiting)
{
	int status;

	close(waiting->input);
	assert_int_equal(waitpid(waiting->pid, &status, 0), waiting->pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static bool
is_mine(const char *id, void *owner)
{
	return strcmp(id, owner) == 0;
}

static char mine[] = "orphans-test-mine";

static void
what_has_the_mark_of_an_orphaned_exec_is_killed(void **state UNUSED)
{
	struct waiting child = start("BERTH_EXEC_ID=orphans-test-mine");

	assert_int_equal(orphans_kill(is_mine, mine), 1);
	assert_int_equal(end(&child), SIGKILL);
	assert_int_equal(orphans_kill(is_mine, mine), 0);
}

static void
what_has_another_mark_or_none_is_left_alone(void **state UNUSED)
{
	static const char *const variables[] = {
		"BERTH_EXEC_ID=orphans-test-other",
		"BERTH_EXEC_ID=orphans-test-mine-too",
		"BERTH_EXEC_ID=",
		"BERTH_EXEC_ID",
		"NOT_BERTH_EXEC_ID=orphans-test-mine",
		"X=BERTH_EXEC_ID=orphans-test-mine",
	};

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		struct waiting child = start(variables[i]);

		assert_int_equal(orphans_kill(is_mine, mine), 0);
		assert_int_equal(end(&child), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_has_the_mark_of_an_orphaned_exec_is_killed),
		cmocka_unit_test(what_has_another_mark_or_none_is_left_alone),
	};

	return RUN_TESTS(tests);
}
