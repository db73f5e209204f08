/* SPDX-License-Identifier: ISC */

/*
 * A program and its two pipes; see run.h.
 *
 * The pipes are read until both are closed, and then the program is waited
 * for.  A grandchild that keeps a pipe open is cut off by the deadline, which
 * kills the whole process group.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/run.h"

#define CHUNK 4096

extern char **environ;

struct reading {
	int fds[2]; /* its output and its errors; -1: closed */
	struct buf *bufs[2];
};

static int
start(char *const *argv, const int out, const int errors, pid_t *ret,
      struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
					 O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	rc = posix_spawnp(ret, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (rc == 0)
		return 0;
	errno = rc;
	err_sys(err, "start %s", argv[0]);
	if (rc == ENOENT)
		err->code = ERR_NOT_FOUND;
	return -1;
}

static int
read_some(struct reading *reading, size_t i, struct err *err)
{
	uint8_t bytes[CHUNK];
	ssize_t got = read(reading->fds[i], bytes, sizeof(bytes));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (got > 0 && buf_add(reading->bufs[i], bytes, (size_t)got) == 0)
		return 0;
	if (got > 0)
		return err_set(err, ERR_LIMIT, "it prints more than %zu bytes",
			       reading->bufs[i]->max);
	close(reading->fds[i]);
	reading->fds[i] = -1;
	return 0;
}

static int
read_all(struct reading *reading, uint64_t deadline, struct err *err)
{
	while (reading->fds[0] >= 0 || reading->fds[1] >= 0) {
		struct pollfd polled[] = {
			{ .fd = reading->fds[0], .events = POLLIN },
			{ .fd = reading->fds[1], .events = POLLIN },
		};
		uint64_t now = clock_mono_ms();

		if (now >= deadline)
			return err_set(err, ERR_TIMEOUT, "it takes too long");
		if (poll(polled, 2, (int)(deadline - now)) < 0)
			continue;
		for (size_t i = 0; i < 2; i++) {
			if (polled[i].revents && read_some(reading, i, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int
reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
run_program(char *const *argv, uint64_t timeout_ms, struct buf *out,
	    struct buf *errors, int *ret_status, struct err *err)
{
	struct reading reading = { .fds = { -1, -1 }, .bufs = { out, errors } };
	uint64_t deadline = clock_mono_ms() + timeout_ms;
	int pipes[2][2], rc = 0;
	pid_t pid = -1;

	if (pipe2(pipes[0], O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	if (pipe2(pipes[1], O_CLOEXEC) < 0) {
		err_sys(err, "pipe");
		close(pipes[0][0]);
		close(pipes[0][1]);
		return -1;
	}
	rc = start(argv, pipes[0][1], pipes[1][1], &pid, err);
	for (size_t i = 0; i < 2; i++) {
		close(pipes[i][1]);
		reading.fds[i] = pipes[i][0];
	}
	if (rc == 0) {
		rc = read_all(&reading, deadline, err);
		if (rc < 0)
			(void)kill(-pid, SIGKILL);
		*ret_status = reap(pid);
		if (rc < 0)
			err_wrap(err, "%s", argv[0]);
	}
	for (size_t i = 0; i < 2; i++) {
		if (reading.fds[i] >= 0)
			close(reading.fds[i]);
	}
	return rc;
}
