/* SPDX-License-Identifier: ISC */

/* Starting what the exec is for; see holder_own.h. */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berthd/exec/cgroup.h"
#include "berthd/exec/command.h"
#include "berthd/exec/holder_own.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/text.h"

/* The checkout, in a child as git takes its time */

static void __attribute__((noreturn)) run_checkout(struct holder *h, int report)
{
	struct checkout checkout = holder_checkout(h);
	struct err err = ERR_INIT;
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (checkout_make(&checkout, &err) == 0)
		_exit(0);
	(void)!write(report, err.msg, strlen(err.msg));
	_exit(1);
}

int
holder_start_checkout(struct holder *h, struct err *err)
{
	AUTO_FREE char *root = path_join(h->launch.root, h->launch.id);
	int report[2];

	h->workdir = path_join(root, "workdir");
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	h->main_pid = fork();
	if (h->main_pid == 0)
		run_checkout(h, report[1]);
	close(report[1]);
	h->prepare_fd = report[0];
	return h->main_pid < 0 ? err_sys(err, "fork") : 0;
}

void
holder_on_checkout_end(struct holder *h)
{
	char why[sizeof(((struct err *)0)->msg)] = "the checkout was killed";
	ssize_t n;

	if (h->stop == EXEC_RUNNING && h->status == 0) {
		holder_start_command(h);
		return;
	}
	n = read_full(h->prepare_fd, why, sizeof(why) - 1);
	if (n > 0)
		why[n] = '\0';
	holder_finish_unstarted(h, 127,
				h->stop == EXEC_RUNNING ? why : "cancelled");
}

/* The command */

/* Is `real', a path without links, in `dir', whose own path may have some? */
static bool
is_real_within(const char *dir, const char *real)
{
	AUTO_FREE char *real_dir = realpath(dir, NULL);

	return real_dir && path_is_within(real_dir, real);
}

/* Where to start: *ret is owned by the caller. */
static int
resolve_cwd(const struct holder *h, char **ret, struct err *err)
{
	const struct launch *l = &h->launch;
	const char *base = h->workdir ? h->workdir : l->home;
	AUTO_FREE char *asked = path_join(base, l->cwd ? l->cwd : ".");
	AUTO_FREE char *real = realpath(asked, NULL);

	if (real == NULL) {
		err_sys(err, "working directory %s", asked);
		err->code = ERR_DENIED;
		return -1;
	}
	if (h->workdir && l->cwd && !is_real_within(h->workdir, real))
		return err_set(err, ERR_DENIED,
			       "cwd must be within project workdir");
	if (!h->workdir && l->cwd && l->roots) {
		char *const *root = l->roots;

		while (*root && !is_real_within(*root, real))
			root++;
		if (*root == NULL)
			return err_set(err, ERR_DENIED, "cwd not allowed");
	}
	*ret = TAKE(real);
	return 0;
}

/* How many tasks the user has: RLIMIT_NPROC counts them all. */
static uint64_t
count_tasks(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	struct stat st;
	char path[32];
	uint64_t n = 0;

	while (proc && (entry = readdir(proc)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "%.20s/task", entry->d_name);
		/* A directory has a link more per task, and two of its own. */
		if (fstatat(dirfd(proc), path, &st, 0) == 0 &&
		    st.st_uid == geteuid())
			n += st.st_nlink - 2;
	}
	if (proc)
		closedir(proc);
	return n;
}

static const char *
limit_by(const struct holder *h, unsigned controls, unsigned control)
{
	return h->cgroup_fd >= 0 && (controls & control) ? "cgroup" : "rlimit";
}

static int
set_limits(struct holder *h, struct command_config *config, struct err *err)
{
	const struct launch *l = &h->launch;
	struct cgroup_limits limits = { .memory = l->limit_memory,
					.procs = l->limit_procs,
					.cpu = l->limit_cpu };
	unsigned controls = 0;

	h->cgroup_fd = cgroup_open(l->id, &limits, &controls);
	if (l->limit_memory) {
		holder_set_text(&h->state.memory_by,
				limit_by(h, controls, CGROUP_MEMORY));
		if (!(controls & CGROUP_MEMORY))
			config->limit_memory = l->limit_memory;
	}
	if (l->limit_procs) {
		holder_set_text(&h->state.procs_by,
				limit_by(h, controls, CGROUP_PIDS));
		if (!(controls & CGROUP_PIDS))
			config->limit_procs = l->limit_procs + count_tasks();
	}
	if (l->limit_procs && !(controls & CGROUP_PIDS) && geteuid() == 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "a process limit for root needs a delegated "
			       "cgroup");
	if (l->limit_cpu && !(controls & CGROUP_CPU))
		return err_set(err, ERR_UNSUPPORTED,
			       "a CPU limit needs a delegated cgroup with the "
			       "cpu controller");
	if (l->limit_cpu)
		holder_set_text(&h->state.cpu_by, "cgroup");
	return 0;
}

static int
store_script(struct holder *h, struct err *err)
{
	AUTO_CLOSE int fd = -1;

	if (h->launch.script == NULL)
		return 0;
	fd = openat(h->dir_fd, "script",
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (fd < 0 ||
	    write_full(fd, h->launch.script, strlen(h->launch.script)) < 0)
		return err_sys(err, "store the script");
	for (char **arg = h->launch.argv; *arg; arg++) {
		if (str_eq(*arg, "{}")) {
			free(*arg);
			*arg = xasprintf("%s/%s/script", h->launch.root,
					 h->launch.id);
		}
	}
	return 0;
}

static int
try_command(struct holder *h, struct command *command, struct err *err)
{
	const struct launch *l = &h->launch;
	struct command_config config = {
		.argv = l->argv,
		.env = l->env,
		.tty = l->flags & LAUNCH_TTY,
		.stdin_pipe = l->flags & LAUNCH_STDIN,
		.is_shell = l->flags & LAUNCH_SHELL,
		.cols = (unsigned)l->cols,
		.rows = (unsigned)l->rows,
		.niceness = (int)l->niceness,
		.cgroup_fd = -1,
	};
	AUTO_CLOSE int procs = -1;

	if (resolve_cwd(h, &h->cwd, err) < 0 || store_script(h, err) < 0 ||
	    set_limits(h, &config, err) < 0)
		return -1;
	config.cwd = h->cwd;
	if (h->cgroup_fd >= 0) {
		procs = openat(h->cgroup_fd, "cgroup.procs",
			       O_WRONLY | O_CLOEXEC);
		config.cgroup_fd = procs;
	}
	holder_set_text(&h->state.cwd, h->cwd);
	return command_start(&config, command, err);
}

void
holder_start_command(struct holder *h)
{
	struct command command;
	struct err err = ERR_INIT;
	struct proc_id id = { 0 };

	h->phase = RUNNING;
	if (try_command(h, &command, &err) < 0) {
		holder_finish_unstarted(
		    h, err.code == ERR_NOT_FOUND ? 127 : 126, err.msg);
		return;
	}
	h->main_pid = command.pid;
	h->in_fd = command.in_fd;
	h->in_is_tty = (h->launch.flags & LAUNCH_TTY) != 0;
	if (h->in_fd >= 0)
		fd_set_nonblock(h->in_fd);
	capture_attach(&h->capture, TIMELINE_OUT, command.out_fd);
	if (command.err_fd >= 0)
		capture_attach(&h->capture, TIMELINE_ERR, command.err_fd);
	id.start = command.start;
	if (id.start == 0)
		(void)proc_id_read(command.pid, &id);
	h->state.pid = command.pid;
	h->state.pid_start = (int64_t)id.start;
	holder_set_state(h, EXEC_RUNNING);
	if (h->launch.timeout_ms)
		h->timeout_at = clock_mono_ms() + h->launch.timeout_ms;
	holder_publish(h);
}
