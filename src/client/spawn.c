/* SPDX-License-Identifier: ISC */

/*
 * The daemon on demand; see spawn.h.
 *
 * Its standard error is a pipe, so that the reason of a failure can be told.
 * The pipe is read only after the end of the program: the daemon it leaves
 * behind might hold the other end.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "client/spawn.h"

/* Adopting ten thousand execs from a cold disk takes seconds, not more. */
#define START_TIMEOUT_MS 20000

#define MAX_WORDS 2048

extern char **environ;

static bool
is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

/* The directory of this program, or NULL. */
static char *
own_dir(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	return xstrdup(path);
}

static char *
find_beside(void)
{
	static const char *const places[] = { "berthd",
					      "../libexec/berth/berthd" };
	AUTO_FREE char *dir = own_dir();

	for (size_t i = 0; dir && i < ARRAY_SIZE(places); i++) {
		AUTO_FREE char *path = path_join(dir, places[i]);

		if (is_program(path))
			return TAKE(path);
	}
	return NULL;
}

static char *
find_in_path(void)
{
	const char *p = getenv("PATH");

	while (p && *p) {
		size_t n = strcspn(p, ":");
		AUTO_FREE char *dir = xstrndup(p, n);
		AUTO_FREE char *path = path_join(dir, "berthd");

		if (*dir == '/' && is_program(path))
			return TAKE(path);
		p += n + (p[n] == ':');
	}
	return NULL;
}

char *
spawn_find_daemon(struct err *err)
{
	const char *given = getenv("BERTHD");
	char *found;

	if (given && *given)
		return xstrdup(given);
	found = find_beside();
	if (found == NULL)
		found = find_in_path();
	if (found)
		return found;
	err_set(err, ERR_NOT_FOUND, "berthd is not installed");
	err_hint(err, "install it beside berth, or name it with BERTHD=PATH");
	return NULL;
}

/* `program serve --detach', its standard error going to `err_fd'. */
static int
start(const char *program, int err_fd, pid_t *ret, struct err *err)
{
	char *const argv[] = { (char *)(uintptr_t)program,
			       (char *)(uintptr_t) "serve",
			       (char *)(uintptr_t) "--detach", NULL };
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
					 O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
					 O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
	rc = posix_spawn(ret, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc == 0)
		return 0;
	errno = rc;
	return err_sys(err, "start %s", program);
}

/* Wait for the end; false when it takes too long. */
static bool
wait_until(pid_t pid, uint64_t deadline_ms, int *ret_status)
{
	AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (fd >= 0) {
		uint64_t now = clock_mono_ms();

		if (now >= deadline_ms)
			return false;
		if (poll(&p, 1, (int)(deadline_ms - now)) > 0)
			break;
	}
	return waitpid(pid, ret_status, 0) == pid;
}

/* What it wrote, without blocking, on one line. */
static void
read_words(int fd, char *out, size_t size)
{
	char words[MAX_WORDS];
	ssize_t n;

	fd_set_nonblock(fd);
	n = read(fd, words, sizeof(words) - 1);
	words[MAX(n, 0)] = '\0';
	words[strcspn(words, "\n")] = '\0';
	vis(out, size, str_starts(words, "berthd: ") ? words + 8 : words);
}

int
spawn_daemon(struct err *err)
{
	AUTO_FREE char *program = spawn_find_daemon(err);
	AUTO_CLOSE int read_fd = -1, write_fd = -1;
	char words[400];
	int fds[2], status;
	pid_t pid;

	if (program == NULL)
		return -1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	read_fd = fds[0];
	write_fd = fds[1];
	if (start(program, write_fd, &pid, err) < 0)
		return -1;
	if (!wait_until(pid, clock_mono_ms() + START_TIMEOUT_MS, &status)) {
		err_set(err, ERR_TIMEOUT, "%s did not start in %d s", program,
			START_TIMEOUT_MS / 1000);
		return err_hint(err, "run '%s serve' to see why", program);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	read_words(read_fd, words, sizeof(words));
	err_set(err, ERR_REMOTE, "start the daemon: %s",
		words[0] ? words : "it failed without a word");
	return err_hint(err, "run '%s serve' to see why", program);
}
