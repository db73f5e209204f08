/* SPDX-License-Identifier: ISC */

/*
 * Starting the command; see command.h.
 *
 * Everything is prepared before vfork: the child borrows our memory until it
 * has become the program, so no page is copied, and it makes only system calls.
 * It has no handlers of ours to run, as a holder has none.  The step that
 * failed and its errno are left in that memory.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "berthd/exec/command.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/strv.h"

enum step { STEP_SESSION, STEP_STDIO, STEP_LIMITS, STEP_DIR, STEP_EXEC };

/* What a child leaves in our memory. */
struct report {
	uint64_t start; /* when it was made, as proc_start_now says */
	enum step step; /* that failed, if `sys' is set */
	int sys;
};

/* Child's ends [0] and ours [1] of stdin, stdout, stderr. */
struct stdio {
	int child[3];
	int ours[3];
};

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

/* An element of PATH counts from where the command will be. */
static char *
candidate(const struct command_config *config, const char *element, size_t n,
	  const char *name)
{
	if (n > 0 && element[0] == '/')
		return xasprintf("%.*s/%s", (int)n, element, name);
	return xasprintf("%s/%.*s%s%s", config->cwd, (int)n, element,
			 n ? "/" : "", name);
}

/* Where argv[0] is in PATH, by the rules of execvp; the caller frees. */
static char *
find_program(const struct command_config *config, struct err *err)
{
	const char *path = strv_env_get(config->env, "PATH");
	const char *name = config->argv[0];
	bool denied = false;
	struct stat st;

	if (strchr(name, '/'))
		return xstrdup(name);
	path = path && *path ? path : default_path;
	for (; name[0]; path++) {
		size_t n = strcspn(path, ":");
		char *full = candidate(config, path, n, name);

		if (faccessat(AT_FDCWD, full, X_OK, AT_EACCESS) == 0 &&
		    stat(full, &st) == 0 && S_ISREG(st.st_mode))
			return full;
		denied = denied || (errno == EACCES && stat(full, &st) == 0 &&
				    S_ISREG(st.st_mode));
		free(full);
		path += n;
		if (*path == '\0')
			break;
	}
	if (denied)
		err_set(err, ERR_DENIED, "%s: permission denied", name);
	else
		err_set(err, ERR_NOT_FOUND,
			config->is_shell ? "shell not found: %s"
					 : "%s: command not found",
			name);
	return NULL;
}

static void
close_all(struct stdio *io)
{
	for (int i = 0; i < 3; i++) {
		if (io->child[i] >= 0)
			close(io->child[i]);
		if (io->ours[i] >= 0)
			close(io->ours[i]);
		io->child[i] = io->ours[i] = -1;
	}
}

static int
open_tty(struct stdio *io, unsigned cols, unsigned rows, struct err *err)
{
	char name[64];
	int slave;

	io->ours[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (io->ours[1] < 0 || grantpt(io->ours[1]) < 0 ||
	    unlockpt(io->ours[1]) < 0 ||
	    ptsname_r(io->ours[1], name, sizeof(name)) != 0)
		return err_sys(err, "open a terminal");
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(err, "open %s", name);
	command_resize(io->ours[1], cols, rows);
	io->child[0] = slave;
	io->child[1] = fcntl(slave, F_DUPFD_CLOEXEC, 0);
	io->child[2] = fcntl(slave, F_DUPFD_CLOEXEC, 0);
	io->ours[0] = fcntl(io->ours[1], F_DUPFD_CLOEXEC, 0);
	if (io->child[1] < 0 || io->child[2] < 0 || io->ours[0] < 0)
		return err_sys(err, "duplicate the terminal");
	return 0;
}

static int
open_pipes(struct stdio *io, bool stdin_pipe, struct err *err)
{
	for (int i = stdin_pipe ? 0 : 1; i < 3; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(err, "pipe");
		io->child[i] = ends[i == 0 ? 0 : 1];
		io->ours[i] = ends[i == 0 ? 1 : 0];
	}
	if (!stdin_pipe)
		io->child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (io->child[0] < 0)
		return err_sys(err, "open /dev/null");
	return 0;
}

static void __attribute__((noreturn))
fail_child(volatile struct report *report, enum step step)
{
	report->step = step;
	report->sys = errno;
	_exit(127);
}

static const int ignored[] = { SIGHUP, SIGINT, SIGPIPE };

void
command_ignore_signals(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
}

static void
reset_signals(void)
{
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
set_limit(int what, uint64_t value)
{
	struct rlimit limit;

	if (value == 0)
		return 0;
	if (getrlimit(what, &limit) < 0)
		return -1;
	limit.rlim_cur = limit.rlim_max = MIN((rlim_t)value, limit.rlim_max);
	return setrlimit(what, &limit);
}

static void __attribute__((noreturn))
run_child(const struct command_config *config, const char *program,
	  const struct stdio *io, pid_t holder, volatile struct report *report)
{
	report->start = proc_start_now();
	reset_signals();
	/* A command whose holder was killed is lost; it must not go on. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != holder)
		fail_child(report, STEP_SESSION);
	if (setsid() < 0)
		fail_child(report, STEP_SESSION);
	if (config->tty && ioctl(io->child[0], TIOCSCTTY, 0) < 0)
		fail_child(report, STEP_SESSION);
	if (config->cgroup_fd >= 0)
		(void)!write(config->cgroup_fd, "0", 1);
	for (int i = 0; i < 3; i++) {
		if (dup2(io->child[i], i) < 0)
			fail_child(report, STEP_STDIO);
	}
	if (set_limit(RLIMIT_AS, config->limit_memory) < 0 ||
	    set_limit(RLIMIT_NPROC, config->limit_procs) < 0)
		fail_child(report, STEP_LIMITS);
	if (config->niceness > 0)
		(void)setpriority(PRIO_PROCESS, 0, config->niceness);
	if (chdir(config->cwd) < 0)
		fail_child(report, STEP_DIR);
	execve(program, config->argv, config->env);
	fail_child(report, STEP_EXEC);
}

static int
explain(const struct command_config *config,
	const volatile struct report *failure, struct err *err)
{
	static const char *const steps[] = {
		[STEP_SESSION] = "start a session",
		[STEP_STDIO] = "connect its output",
		[STEP_LIMITS] = "set its limits",
	};

	errno = failure->sys;
	if (failure->step == STEP_EXEC)
		err_sys(err, "%s", config->argv[0]);
	else if (failure->step == STEP_DIR)
		err_sys(err, "working directory %s", config->cwd);
	else
		err_sys(err, "%s", steps[failure->step]);
	err->code = ERR_DENIED;
	if (failure->step == STEP_EXEC && failure->sys == ENOENT)
		err->code = ERR_NOT_FOUND;
	return -1;
}

/* Returns when the child has become the program, or failed. */
static int
spawn(const struct command_config *config, const char *program,
      const struct stdio *io, struct command *ret, struct err *err)
{
	/* Volatile: for the compiler, what is followed by _exit is not read. */
	volatile struct report report = { .sys = 0 };
	uint64_t before = proc_start_now();
	pid_t holder = getpid(), pid = vfork();

	if (pid == 0)
		run_child(config, program, io, holder, &report);
	if (pid < 0)
		return err_sys(err, "fork");
	if (report.sys)
		return explain(config, &report, err);
	ret->pid = pid;
	/* It was made between the two. */
	ret->start = before == report.start ? before : 0;
	return 0;
}

int
command_start(const struct command_config *config, struct command *ret,
	      struct err *err)
{
	struct stdio io = { .child = { -1, -1, -1 }, .ours = { -1, -1, -1 } };
	AUTO_FREE char *program = NULL;
	int rc;

	program = find_program(config, err);
	if (program == NULL)
		return -1;
	rc = config->tty ? open_tty(&io, config->cols, config->rows, err)
			 : open_pipes(&io, config->stdin_pipe, err);
	if (rc == 0)
		rc = spawn(config, program, &io, ret, err);
	if (rc == 0) {
		ret->in_fd = TAKE_FD(io.ours[0]);
		ret->out_fd = TAKE_FD(io.ours[1]);
		ret->err_fd = TAKE_FD(io.ours[2]);
	}
	close_all(&io);
	return rc;
}

void
command_resize(int tty_fd, unsigned cols, unsigned rows)
{
	struct winsize size = { .ws_col = (unsigned short)cols,
				.ws_row = (unsigned short)rows };

	if (cols > 0 && rows > 0)
		(void)ioctl(tty_fd, TIOCSWINSZ, &size);
}
