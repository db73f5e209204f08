/* SPDX-License-Identifier: ISC */

/* The keeper of an agent; see keeper.h. */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "berthd/session/keeper.h"
#include "berthd/session/witness.h"
#include "core/proc.h"

/*
 * For tmux to read all that is left, and hang up.  It does at once unless a
 * child of the agent holds the terminal still.
 */
#define LAST_WORDS_MS 300

static sigset_t before;

void
keeper_prepare(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
}

void
keeper_release(void)
{
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}

/* True: the agent has ended, as *ret_status says. */
static bool
has_ended(pid_t agent, int *ret_status)
{
	pid_t pid;

	while ((pid = waitpid(agent, ret_status, WNOHANG | WUNTRACED)) ==
	       agent) {
		if (!WIFSTOPPED(*ret_status))
			return true;
		/* There is no shell that it could be continued from. */
		if (WSTOPSIG(*ret_status) != SIGTTIN &&
		    WSTOPSIG(*ret_status) != SIGTTOU)
			(void)kill(agent, SIGCONT);
	}
	return false;
}

/*
 * What the terminal sends goes to the group, but the hang-up: that is for the
 * leader of the session alone, and the agent is not.
 */
static bool
is_for_us_alone(const siginfo_t *info)
{
	return info->si_signo == SIGHUP || info->si_code == SI_USER ||
	       info->si_code == SI_QUEUE;
}

static int
await_end(pid_t agent)
{
	siginfo_t info;
	sigset_t all;
	int status = 0;

	(void)sigfillset(&all);
	while (!has_ended(agent, &status)) {
		if (sigwaitinfo(&all, &info) > 0 && info.si_signo != SIGCHLD &&
		    is_for_us_alone(&info))
			(void)kill(agent, info.si_signo);
	}
	return status;
}

/* Let go of the terminal; the hang-up says that all was read. */
static void
await_reader(void)
{
	const struct timespec patience = { .tv_nsec = LAST_WORDS_MS *
						      1000000L };
	sigset_t hang_up;

	(void)sigemptyset(&hang_up);
	(void)sigaddset(&hang_up, SIGHUP);
	(void)close_range(0, ~0u, 0);
	while (sigtimedwait(&hang_up, NULL, &patience) < 0 && errno == EINTR)
		;
}

static void __attribute__((noreturn)) end_alike(int status)
{
	const struct rlimit none = { 0 };
	sigset_t one;

	if (WIFSIGNALED(status)) {
		/* The core, if there is one, is the agent's. */
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)sigemptyset(&one);
		(void)sigaddset(&one, WTERMSIG(status));
		(void)signal(WTERMSIG(status), SIG_DFL);
		(void)kill(getpid(), WTERMSIG(status));
		(void)sigprocmask(SIG_UNBLOCK, &one, NULL);
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void
keeper_run(pid_t agent)
{
	pid_t server = getppid();
	int status;

	(void)prctl(PR_SET_DUMPABLE, 0);
	proc_title_set("berthd: keeps an agent");
	status = await_end(agent);
	if (getppid() == server)
		witness_start();
	await_reader();
	end_alike(status);
}
