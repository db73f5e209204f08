/* SPDX-License-Identifier: ISC */

/*
 * Running what was asked for; see supervise.h.
 *
 * A failure before the exec comes back through a pipe that the exec closes.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/login/jail.h"
#include "berthd/login/supervise.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"

static const int passed_on[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };

static volatile sig_atomic_t child_pid;

static void
on_signal(int sig)
{
	int saved = errno;

	if (child_pid > 0)
		(void)kill((pid_t)child_pid, sig);
	errno = saved;
}

static void
set_signals(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler,
				    .sa_flags = SA_RESTART };

	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		(void)sigaction(passed_on[i], &action, NULL);
}

char *
supervise_find(const char *name, char *const *env)
{
	const char *path = strv_env_get(env, "PATH");

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	while (path && *path) {
		size_t n = strcspn(path, ":");
		AUTO_FREE char *dir = xstrndup(path, n);
		char *full = path_join(dir, name);

		if (dir[0] == '/' && access(full, X_OK) == 0)
			return full;
		free(full);
		path += n + (path[n] == ':');
	}
	return NULL;
}

int
supervise_become(const struct errand *errand, struct err *err)
{
	AUTO_FREE char *program = supervise_find(errand->argv[0], errand->env);

	if (program == NULL)
		return err_set(err, ERR_NOT_FOUND, "%s is not installed here",
			       errand->argv[0]);
	if (errand->cwd && chdir(errand->cwd) < 0)
		return err_sys(err, "enter %s", errand->cwd);
	if (errand->jail &&
	    jail_enter(errand->jail, errand->jail_write, err) < 0)
		return -1;
	execve(program, errand->argv, errand->env);
	return err_sys(err, "run %s", program);
}

static _Noreturn void
be_child(const struct errand *errand, int fd)
{
	struct err err = ERR_INIT;

	set_signals(SIG_DFL);
	(void)supervise_become(errand, &err);
	(void)write_full(fd, &err, sizeof(err));
	_exit(127);
}

int
supervise_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

int
supervise_run(const struct errand *errand, uint64_t *ret_duration_ms,
	      struct err *err)
{
	uint64_t start = clock_mono_ms();
	struct err failure;
	int fds[2], status;
	pid_t pid;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	child_pid = 0;
	set_signals(on_signal);
	pid = fork();
	if (pid == 0)
		be_child(errand, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_sys(err, "fork");
	}
	child_pid = pid;
	n = read_full(fds[0], &failure, sizeof(failure));
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child_pid = 0;
	*ret_duration_ms = clock_mono_ms() - start;
	if (n == (ssize_t)sizeof(failure)) {
		*err = failure;
		return -1;
	}
	return supervise_status(status);
}
