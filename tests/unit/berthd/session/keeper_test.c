/* SPDX-License-Identifier: ISC */

#include "berthd/session/keeper.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"

/* A pane: its terminal, seen from tmux, and its keeper. */
static struct {
	int terminal;
	pid_t keeper;
	struct buf said;
} t;

static volatile sig_atomic_t n_keys;

/* In the pane: all that tmux does for it, and no more. */
static void
become_pane(const char *name, void (*agent)(void))
{
	int fd;
	pid_t pid;

	(void)setsid();
	fd = open(name, O_RDWR | O_CLOEXEC);
	(void)ioctl(fd, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		(void)dup2(fd, i);
	close(fd);
	close(t.terminal);
	keeper_prepare();
	pid = fork();
	if (pid > 0)
		keeper_run(pid);
	keeper_release();
	agent();
	_exit(99);
}

static void
start(void (*agent)(void))
{
	char name[64];

	t.terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(unlockpt(t.terminal), 0);
	assert_int_equal(ptsname_r(t.terminal, name, sizeof(name)), 0);
	buf_init(&t.said, 1u << 20);
	t.keeper = fork();
	if (t.keeper == 0)
		become_pane(name, agent);
}

/* True: `text' was said.  False: it will not be. */
static bool
hears(const char *text)
{
	char bytes[4096];
	ssize_t n;

	while (strstr(buf_text(&t.said), text) == NULL) {
		n = read(t.terminal, bytes, sizeof(bytes));
		if (n <= 0)
			return false;
		assert_int_equal(buf_add(&t.said, bytes, (size_t)n), 0);
	}
	return true;
}

/* Read to the end, hang up; how the keeper ended. */
static int
finish(void)
{
	int status;

	(void)hears("what nobody says");
	close(t.terminal);
	assert_int_equal(waitpid(t.keeper, &status, 0), t.keeper);
	return status;
}

static void
say_much(void)
{
	static const char line[] = "a line of what went wrong\n";

	for (int i = 0; i < 1000; i++)
		(void)!write(1, line, sizeof(line) - 1);
	(void)!write(1, "last words", 10);
	_exit(3);
}

static void
last_words_are_read_before_the_end(void **state UNUSED)
{
	int status;

	start(say_much);
	status = finish();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_non_null(strstr(buf_text(&t.said), "last words"));
	assert_int_equal(t.said.len, 1000 * 27 + 10);
	buf_fini(&t.said);
}

static void
crash(void)
{
	(void)signal(SIGSEGV, SIG_DFL); /* not cmocka's */
	(void)kill(getpid(), SIGSEGV);
}

static void
it_ends_as_the_agent_does(void **state UNUSED)
{
	int status;

	start(crash);
	status = finish();
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	buf_fini(&t.said);
}

static void
on_key(int sig UNUSED)
{
	n_keys++;
	(void)!write(1, "key", 3);
}

static void
on_end(int sig UNUSED)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d keys", (int)n_keys);

	(void)!write(1, text, (size_t)n);
	_exit(5);
}

static void
count_keys(void)
{
	(void)signal(SIGINT, on_key);
	(void)signal(SIGUSR1, on_end);
	(void)!write(1, "ready", 5);
	for (;;)
		(void)pause();
}

static void
keys_are_the_agents_and_signals_are_passed_on(void **state UNUSED)
{
	int status;

	start(count_keys);
	assert_true(hears("ready"));
	assert_int_equal(write(t.terminal, "\3", 1), 1);
	assert_true(hears("key"));
	(void)kill(t.keeper, SIGUSR1);
	status = finish();
	assert_int_equal(WEXITSTATUS(status), 5);
	assert_non_null(strstr(buf_text(&t.said), "1 keys"));
	buf_fini(&t.said);
}

static void
wait_for_ever(void)
{
	(void)!write(1, "ready", 5);
	for (;;)
		(void)pause();
}

static void
a_hang_up_reaches_the_agent(void **state UNUSED)
{
	int status;

	start(wait_for_ever);
	assert_true(hears("ready"));
	close(t.terminal);
	assert_int_equal(waitpid(t.keeper, &status, 0), t.keeper);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGHUP);
	buf_fini(&t.said);
}

static void
stop_once(void)
{
	(void)kill(getpid(), SIGSTOP);
	(void)!write(1, "goes on", 7);
	_exit(0);
}

static void
a_stopped_agent_goes_on(void **state UNUSED)
{
	start(stop_once);
	assert_true(hears("goes on"));
	assert_int_equal(finish(), 0);
	buf_fini(&t.said);
}

/* Whoever has the terminal still does not keep the end from being told. */
static void
leave_a_child(void)
{
	struct pollfd terminal = { .fd = 0 };

	if (fork() == 0) {
		(void)setpgid(0, 0);
		(void)!write(1, "ready", 5);
		(void)poll(&terminal, 1, -1);
		_exit(0);
	}
	_exit(4);
}

static void
an_end_does_not_wait_for_children(void **state UNUSED)
{
	int status;

	start(leave_a_child);
	assert_true(hears("ready"));
	assert_int_equal(waitpid(t.keeper, &status, 0), t.keeper);
	assert_int_equal(WEXITSTATUS(status), 4);
	close(t.terminal);
	buf_fini(&t.said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_words_are_read_before_the_end),
		cmocka_unit_test(it_ends_as_the_agent_does),
		cmocka_unit_test(keys_are_the_agents_and_signals_are_passed_on),
		cmocka_unit_test(a_hang_up_reaches_the_agent),
		cmocka_unit_test(a_stopped_agent_goes_on),
		cmocka_unit_test(an_end_does_not_wait_for_children),
	};

	return RUN_TESTS(tests);
}
