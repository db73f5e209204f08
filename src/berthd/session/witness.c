/* SPDX-License-Identifier: ISC */

/* A witness of a keeper's end; see witness.h. */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "berthd/session/tmux.h"
#include "berthd/session/witness.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/proc.h"

#define SEES_EVERY_END 306 /* a version of tmux */

/* What tmux needs for it when nothing is lost, and when to give up. */
#define FIRST_MS 20
#define MAX_MS 1000
#define MAX_REMINDERS 30

/* Where a witness has them. */
enum { KEEPER_FD, SERVER_FD };

static int
open_process(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static bool
send_signal(int fd, int sig)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) == 0;
}

/* A process that ended is there until its parent asks how. */
static bool
is_overlooked(void)
{
	return send_signal(KEEPER_FD, 0) || errno != ESRCH;
}

static void
remind(void)
{
	struct pollfd server = { .fd = SERVER_FD, .events = POLLIN };
	int ms = FIRST_MS;

	for (int i = 0; i < MAX_REMINDERS; i++) {
		if (poll(&server, 1, ms) != 0 || !is_overlooked() ||
		    !send_signal(SERVER_FD, SIGCHLD))
			return;
		ms = MIN(ms * 2, MAX_MS);
	}
}

static void
witness(int keeper, int server)
{
	struct pollfd ends[2] = { { .fd = KEEPER_FD, .events = POLLIN },
				  { .fd = SERVER_FD, .events = POLLIN } };

	(void)setsid();
	(void)!chdir("/");
	(void)prctl(PR_SET_DUMPABLE, 0);
	proc_title_set("berthd: witness");
	/* Both are above the places that they are put into. */
	if (dup2(keeper, KEEPER_FD) < 0 || dup2(server, SERVER_FD) < 0)
		return;
	(void)close_range(SERVER_FD + 1, ~0u, 0);
	while (poll(ends, ARRAY_SIZE(ends), -1) < 0 && errno == EINTR)
		;
	if (!ends[SERVER_FD].revents)
		remind();
}

/* Does the tmux around us take notice of every end? */
static bool
is_seen_by_tmux(void)
{
	const char *version = getenv("TERM_PROGRAM_VERSION");

	return version && tmux_read_version(version) >= SEES_EVERY_END;
}

void
witness_start(void)
{
	AUTO_CLOSE int keeper = open_process(getpid());
	AUTO_CLOSE int server = open_process(getppid());

	if (is_seen_by_tmux() || keeper <= SERVER_FD || server <= SERVER_FD)
		return;
	if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0) ==
	    0) {
		witness(keeper, server);
		_exit(0);
	}
}
