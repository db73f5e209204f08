/* SPDX-License-Identifier: ISC */

/* A line of berth under test; see line.h. */

#include "tests/unit/berth/line.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "berth/commands.h"
#include "berth/common.h"
#include "cli/cli.h"
#include "core/fs.h"
#include "core/strv.h"
#include "tests/unit/unit.h"

/* As main does it; never returns. */
static void
run(char **argv)
{
	struct cli_call call = CLI_CALL_INIT;
	struct err err = ERR_INIT;
	int status;

	signal(SIGPIPE, SIG_IGN);
	status = cli_parse(&berth_program, (int)strv_len(argv), argv, &call,
			   &err);
	if (status == 0)
		status = cli_run(&call, &err);
	if (status < 0)
		status = show_error(&call, argv, &err);
	else if (call.want == CLI_WANT_COMMAND)
		status = usage_status(&call);
	cli_call_fini(&call);
	_exit(status);
}

static int
scratch(void)
{
	int fd = memfd_create("line", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
take_back(int fd, struct buf *out)
{
	struct err err = ERR_INIT;

	buf_clear(out);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fs_read_fd(fd, out, &err), 0);
	close(fd);
}

void
line_run(struct line *line, const char *const *argv)
{
	int out = scratch(), err = scratch(), status;
	AUTO_STRV char **words = NULL;
	pid_t pid;

	for (; *argv; argv++)
		strv_add(&words, *argv);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		run(words);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	line->status = WEXITSTATUS(status);
	take_back(out, &line->out);
	take_back(err, &line->err);
}

void
line_fini(struct line *line)
{
	buf_fini(&line->out);
	buf_fini(&line->err);
}
