/* SPDX-License-Identifier: ISC */

#include "berthd/session/witness.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* This program is tmux. */
static int pipe_fds[2]; /* who sent each SIGCHLD */

static void
on_child(int sig UNUSED, siginfo_t *info, void *context UNUSED)
{
	(void)!write(pipe_fds[1], &info->si_code, sizeof(info->si_code));
}

/* By whom the next SIGCHLD is: CLD_EXITED, or SI_USER of a witness. */
static int
next_code(void)
{
	int code = 0;

	while (read(pipe_fds[0], &code, sizeof(code)) < 0 && errno == EINTR)
		;
	return code;
}

static int
setup(void **state UNUSED)
{
	struct sigaction action = { .sa_sigaction = on_child,
				    .sa_flags = SA_SIGINFO };

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -1;
	return sigaction(SIGCHLD, &action, NULL);
}

static int
teardown(void **state UNUSED)
{
	(void)signal(SIGCHLD, SIG_DFL);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

/* An agent that ends when `gate' is closed. */
static pid_t
start_agent(int *ret_gate)
{
	int gate[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		witness_start();
		/* It is not the agent's child. */
		if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
			_exit(1);
		(void)!read(gate[0], &byte, 1);
		_exit(3);
	}
	close(gate[0]);
	*ret_gate = gate[1];
	return pid;
}

static void
an_end_that_was_overlooked_is_told_again(void **state UNUSED)
{
	int gate, status;
	pid_t agent = start_agent(&gate), witness;

	close(gate);
	assert_int_equal(next_code(), CLD_EXITED);
	assert_int_equal(next_code(), SI_USER);
	assert_int_equal(next_code(), SI_USER);
	assert_int_equal(waitpid(agent, &status, 0), agent);
	assert_int_equal(WEXITSTATUS(status), 3);
	/* And goes, as there is nothing more to tell. */
	do
		witness = waitpid(-1, &status, 0);
	while (witness < 0 && errno == EINTR);
	assert_true(witness > 0 && witness != agent);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
}

static void
a_witness_of_an_end_that_was_seen_goes(void **state UNUSED)
{
	int gate, status;
	pid_t agent = start_agent(&gate);

	(void)signal(SIGCHLD, SIG_DFL);
	close(gate);
	assert_int_equal(waitpid(agent, &status, 0), agent);
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_true(waitpid(-1, &status, 0) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_end_that_was_overlooked_is_told_again),
		TEST(a_witness_of_an_end_that_was_seen_goes),
	};

	return RUN_TESTS(tests);
}
