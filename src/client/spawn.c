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
#include "core/proc.h"
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

static char *
find_beside(const char *name)
{
	static const char *const places[] = { "", "../libexec/berth/" };
	AUTO_FREE char *dir = proc_own_dir();

	for (size_t i = 0; dir && i < ARRAY_SIZE(places); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s%s", dir, places[i],
						 name);

		if (is_program(path))
			return TAKE(path);
	}
	return NULL;
}

static char *
find_in_path(const char *name)
{
	const char *p = getenv("PATH");

	while (p && *p) {
		size_t n = strcspn(p, ":");
		AUTO_FREE char *dir = xstrndup(p, n);
		AUTO_FREE char *path = path_join(dir, name);

		if (*dir == '/' && is_program(path))
			return TAKE(path);
		p += n + (p[n] == ':');
	}
	return NULL;
}

/* A program of ours, and how it is run until it is there. */
struct helper {
	const char *name, *variable;
	const char *what; /* it is */
};

static const struct helper daemon_helper = { "berthd", "BERTHD", "daemon" };
static const struct helper link_helper = { "berth-link", "BERTH_LINK", "link" };

static char *
find_helper(const struct helper *helper, struct err *err)
{
	const char *given = getenv(helper->variable);
	char *found;

	if (given && *given)
		return xstrdup(given);
	found = find_beside(helper->name);
	if (found == NULL)
		found = find_in_path(helper->name);
	if (found)
		return found;
	err_set(err, ERR_NOT_FOUND, "%s is not installed", helper->name);
	err_hint(err, "install it beside berth, or name it with %s=PATH",
		 helper->variable);
	return NULL;
}

char *
spawn_find_daemon(struct err *err)
{
	return find_helper(&daemon_helper, err);
}

char *
spawn_find_link(struct err *err)
{
	return find_helper(&link_helper, err);
}

/*
 * The program argv[0], its standard error going to `err_fd'; `in_fd' is its
 * input, -1: nothing.
 */
static int
start(char *const *argv, int in_fd, int err_fd, pid_t *ret, struct err *err)
{
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	if (in_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
						 "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
					 O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
	rc = posix_spawn(ret, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc == 0)
		return 0;
	errno = rc;
	return err_sys(err, "start %s", argv[0]);
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
read_words(int fd, const char *name, char *out, size_t size)
{
	char words[MAX_WORDS];
	ssize_t n;

	fd_set_nonblock(fd);
	n = read(fd, words, sizeof(words) - 1);
	words[MAX(n, 0)] = '\0';
	words[strcspn(words, "\n")] = '\0';
	n = (ssize_t)strlen(name);
	if (str_starts(words, name) && str_starts(words + n, ": "))
		vis(out, size, words + n + 2);
	else
		vis(out, size, words);
}

static int
run_helper(const struct helper *helper, char *const *argv, int in_fd,
	   struct err *err)
{
	AUTO_CLOSE int read_fd = -1, write_fd = -1;
	const char *program = argv[0];
	char words[400];
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	read_fd = fds[0];
	write_fd = fds[1];
	if (start(argv, in_fd, write_fd, &pid, err) < 0)
		return -1;
	if (!wait_until(pid, clock_mono_ms() + START_TIMEOUT_MS, &status)) {
		err_set(err, ERR_TIMEOUT, "%s did not start in %d s", program,
			START_TIMEOUT_MS / 1000);
		return err_hint(err, "run '%s %s' to see why", program,
				argv[1]);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	read_words(read_fd, helper->name, words, sizeof(words));
	err_set(err, ERR_REMOTE, "start the %s: %s", helper->what,
		words[0] ? words : "it failed without a word");
	return err_hint(err, "run '%s %s' to see why", program, argv[1]);
}

int
spawn_daemon(struct err *err)
{
	AUTO_FREE char *program = spawn_find_daemon(err);
	char *const argv[] = { program, (char *)(uintptr_t) "serve",
			       (char *)(uintptr_t) "--detach", NULL };

	return program ? run_helper(&daemon_helper, argv, -1, err) : -1;
}

int
spawn_link(const char *machine, struct err *err)
{
	AUTO_FREE char *program = find_helper(&link_helper, err);
	char *const argv[] = { program, (char *)(uintptr_t)machine, NULL };

	return program ? run_helper(&link_helper, argv, -1, err) : -1;
}

int
spawn_trial_link(const char *machine, int config_fd, const char *as,
		 struct err *err)
{
	AUTO_FREE char *program = find_helper(&link_helper, err);
	char *const argv[] = { program,
			       (char *)(uintptr_t) "--config",
			       (char *)(uintptr_t) "-",
			       (char *)(uintptr_t) "--as",
			       (char *)(uintptr_t)as,
			       (char *)(uintptr_t)machine,
			       NULL };

	return program ? run_helper(&link_helper, argv, config_fd, err) : -1;
}
