/* SPDX-License-Identifier: ISC */

/* A program of the machine; see tool.h. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/tool.h"
#include "core/buf.h"
#include "core/clock.h"

static int
start(char *const *argv, char *const *env, int out_fd, pid_t *ret,
      struct err *err)
{
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
					 O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDERR_FILENO);
	rc = posix_spawnp(ret, argv[0], &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	if (rc == 0)
		return 0;
	if (rc == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "there is no %s", argv[0]);
	errno = rc;
	return err_sys(err, "start %s", argv[0]);
}

/* Until it closes its output; false when that takes too long. */
static bool
read_out(int fd, uint64_t deadline, struct buf *out)
{
	for (;;) {
		struct pollfd watch = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		char bytes[1024];
		ssize_t n;

		if (now >= deadline ||
		    poll(&watch, 1, (int)(deadline - now)) == 0)
			return false;
		n = read(fd, bytes, sizeof(bytes));
		if (n == 0 || (n < 0 && errno != EINTR))
			return true;
		if (n > 0)
			(void)buf_add(out, bytes, (size_t)n);
	}
}

int
tool_run(char *const *argv, char *const *env, uint64_t timeout_ms,
	 struct buf *out, struct err *err)
{
	AUTO_CLOSE int read_fd = -1, write_fd = -1;
	int fds[2], status;
	bool ended;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	read_fd = fds[0];
	write_fd = fds[1];
	if (start(argv, env, write_fd, &pid, err) < 0)
		return -1;
	close(TAKE_FD(write_fd));
	ended = read_out(read_fd, clock_mono_ms() + timeout_ms, out);
	if (!ended)
		(void)kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) < 0)
		return err_sys(err, "wait for %s", argv[0]);
	if (!ended)
		return err_set(err, ERR_TIMEOUT, "%s does not answer", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
