/* SPDX-License-Identifier: ISC */

/* Real programs under test; see shell.h. */

#include "tests/unit/cli/shell.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "tests/unit/unit.h"

bool
shell_has(const char *program)
{
	AUTO_BUF out = BUF_INIT(1 << 20);
	AUTO_FREE char *test = xasprintf("command -v %s", program);

	return shell_run((const char *const[]){ "sh", "-c", test, NULL },
			 &out) == 0;
}

int
shell_run(const char *const *argv, struct buf *out)
{
	struct err err = ERR_INIT;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
	assert_int_equal(fs_read_fd(fds[0], out, &err), 0);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void
shell_write(const char *dir, const char *name, const char *text, unsigned mode)
{
	AUTO_FREE char *path = path_join(dir, name);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}
