/* SPDX-License-Identifier: ISC */

/*
 * The holder; see holder.h.
 *
 * One poll loop.  An exec has ended when its main process is reaped, the
 * checkout's or the command's, and what it had written is stored; if it was
 * cancelled or timed out, only when its whole tree is gone too.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/exec/artifacts.h"
#include "berthd/exec/capture.h"
#include "berthd/exec/cgroup.h"
#include "berthd/exec/checkout.h"
#include "berthd/exec/command.h"
#include "berthd/exec/control_server.h"
#include "berthd/exec/holder.h"
#include "berthd/exec/launch.h"
#include "berthd/exec/state.h"
#include "berthd/exec/tree.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/strv.h"
#include "core/text.h"

#define MAX_LAUNCH (16u << 20)
#define MAX_STDIN (4 * CONTROL_MAX_DATA)

/* Read per stream and turn, so that neither starves the other or control. */
#define READ_SLICE (1u << 20)

/* A refused write of state.json is repeated so often. */
#define RETRY_MS 1000

/* While a tree is being killed, look again so often for what was missed. */
#define KILL_AGAIN_MS 50

/* After so long without output its buffer goes back to the system. */
#define IDLE_MS 1000

#define NEVER UINT64_MAX

enum phase { PREPARING, RUNNING, ENDED };

struct holder {
	struct launch launch;
	int dir_fd;
	enum phase phase;
	struct exec_state state;
	struct clock_base clock;
	struct capture capture;
	struct control_server control;
	int signal_fd;

	pid_t main_pid; /* the checkout, then the command; -1: reaped */
	int status;
	int prepare_fd; /* the checkout's error text, if any */
	char *workdir;	/* its directory */
	char *cwd;

	int in_fd; /* the command's stdin; -1: none or closed */
	bool in_is_tty;
	bool in_eof; /* close after what is buffered */
	struct buf in;
	uint64_t in_taken;

	enum exec_state_kind stop; /* why it is being stopped, or RUNNING */
	uint64_t timeout_at, kill_at;
	bool killing;

	int cgroup_fd;
	uint64_t oom_kills;
	bool is_durable; /* state.json says what `state' says */
	uint64_t retry_at, idle_at;
};

static void begin_stop(struct holder *h, enum exec_state_kind why, int sig,
		       uint64_t grace_ms);
static void start_command(struct holder *h);

/* State */

static void
send_state(struct holder *h, int conn)
{
	struct control_msg msg = { .type = CONTROL_STATE };
	AUTO_BUF text = BUF_INIT(STATE_MAX);

	if (exec_state_encode(&h->state, &text) < 0)
		return;
	if (conn < 0)
		control_server_send_all(&h->control, &msg, buf_bytes(&text),
					text.len);
	else
		control_server_send(&h->control, conn, &msg, buf_bytes(&text),
				    text.len);
}

/* Write the state and tell it; an end must survive a power cut. */
static void
publish(struct holder *h)
{
	bool is_end = exec_state_is_end(h->state.kind);
	bool is_flushed = capture_flush(&h->capture);
	struct err err = ERR_INIT;

	h->state.stdout_bytes = (int64_t)h->capture.streams[TIMELINE_OUT].size;
	h->state.stderr_bytes = (int64_t)h->capture.streams[TIMELINE_ERR].size;
	h->state.lost_bytes = (int64_t)h->capture.lost;
	/* An end says that the records before it are complete. */
	h->is_durable = (is_flushed || !is_end) &&
			exec_state_write(h->dir_fd, &h->state, is_end, &err) ==
			    0;
	h->retry_at = h->is_durable ? NEVER : clock_mono_ms() + RETRY_MS;
	/* An end that is not durable yet is not told. */
	if (h->is_durable || !is_end)
		send_state(h, -1);
}

static void
set_text(char **at, const char *text)
{
	free(*at);
	*at = xstrdup(text);
}

static void
set_state(struct holder *h, enum exec_state_kind kind)
{
	if (!exec_state_may_follow(h->state.kind, kind))
		abort();
	h->state.kind = kind;
}

static void
add_warning(struct holder *h, char *taken)
{
	char *old = h->state.warning;

	if (taken == NULL)
		return;
	h->state.warning = old ? xasprintf("%s; %s", old, taken) : taken;
	if (old) {
		free(old);
		free(taken);
	}
}

/* The end */

static uint64_t
read_oom_kills(void)
{
	AUTO_BUF text = BUF_INIT(65536);
	struct err err = ERR_INIT;
	const char *at;

	if (fs_read_file(AT_FDCWD, "/proc/vmstat", &text, &err) < 0)
		return 0;
	at = strstr(buf_text(&text), "\noom_kill ");
	return at ? strtoull(at + strlen("\noom_kill "), NULL, 10) : 0;
}

static bool
was_oom(struct holder *h, int sig)
{
	if (sig != SIGKILL || h->stop != EXEC_RUNNING)
		return false;
	if (h->cgroup_fd >= 0 && cgroup_was_oom(h->cgroup_fd))
		return true;
	return read_oom_kills() > h->oom_kills;
}

static void
describe_usage(struct holder *h)
{
	struct rusage usage;
	uint64_t peak = h->cgroup_fd >= 0 ? cgroup_peak(h->cgroup_fd) : 0;

	if (getrusage(RUSAGE_CHILDREN, &usage) < 0)
		return;
	h->state.cpu_user_us = (int64_t)usage.ru_utime.tv_sec * 1000000 +
			       usage.ru_utime.tv_usec;
	h->state.cpu_system_us = (int64_t)usage.ru_stime.tv_sec * 1000000 +
				 usage.ru_stime.tv_usec;
	h->state.max_rss = (int64_t)MAX((uint64_t)usage.ru_maxrss * 1024, peak);
}

/* Kind, exit code and words for the status that wait gave. */
static void
describe_end(struct holder *h)
{
	AUTO_FREE char *text = NULL;
	int sig = WIFSIGNALED(h->status) ? WTERMSIG(h->status) : 0;

	h->state.signal = sig;
	h->state.exit_code = sig ? 128 + sig : WEXITSTATUS(h->status);
	if (h->stop == EXEC_TIMEOUT) {
		h->state.exit_code = 124;
		text = xasprintf(
		    "timed out after %llu.%03llu s",
		    (unsigned long long)h->launch.timeout_ms / 1000,
		    (unsigned long long)h->launch.timeout_ms % 1000);
		set_state(h, EXEC_TIMEOUT);
	} else if (h->stop == EXEC_CANCELLED) {
		text = xstrdup("cancelled");
		set_state(h, EXEC_CANCELLED);
	} else if (was_oom(h, sig)) {
		text = xstrdup("killed: out of memory");
		set_state(h, EXEC_OOM);
	} else if (sig) {
		text = xasprintf("killed by SIG%s",
				 sigabbrev_np(sig) ? sigabbrev_np(sig) : "?");
		set_state(h, EXEC_SIGNALLED);
	} else {
		if (h->state.exit_code)
			text = xasprintf("exit status %d",
					 (int)h->state.exit_code);
		set_state(h, EXEC_EXITED);
	}
	if (text)
		set_text(&h->state.error, text);
}

static void
collect_artifacts(struct holder *h)
{
	AUTO_CLOSE int cwd = -1;
	char *warning = NULL;

	if (h->cwd)
		cwd = open(h->cwd, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cwd < 0)
		return;
	artifacts_collect(h->dir_fd, cwd, h->launch.artifacts, &warning);
	add_warning(h, warning);
}

static struct checkout
checkout_of(const struct holder *h)
{
	return (struct checkout){ .repo_url = h->launch.repo_url,
				  .mirror = h->launch.mirror,
				  .ref = h->launch.ref,
				  .dir = h->workdir,
				  .env = h->launch.env };
}

/* Everything that ends an exec ends here, once. */
static void
finish(struct holder *h)
{
	struct checkout checkout = checkout_of(h);

	h->phase = ENDED;
	h->main_pid = -1;
	h->timeout_at = h->kill_at = NEVER;
	capture_drain(&h->capture);
	describe_usage(h);
	collect_artifacts(h);
	if (h->workdir)
		checkout_remove(&checkout);
	capture_sync(&h->capture);
	h->state.finished_ns = clock_base_ns(&h->clock);
	h->state.output_open = capture_is_open(&h->capture);
	publish(h);
}

/* It never ran: `code' as a shell would say it. */
static void
finish_unstarted(struct holder *h, int code, const char *why)
{
	h->state.exit_code = code;
	set_text(&h->state.error, why);
	set_state(h, h->stop == EXEC_RUNNING ? EXEC_FAILED : h->stop);
	finish(h);
}

/* Preparing: a checkout, in a child as git takes its time */

static void __attribute__((noreturn)) run_checkout(struct holder *h, int report)
{
	struct checkout checkout = checkout_of(h);
	struct err err = ERR_INIT;
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (checkout_make(&checkout, &err) == 0)
		_exit(0);
	(void)!write(report, err.msg, strlen(err.msg));
	_exit(1);
}

static int
start_checkout(struct holder *h, struct err *err)
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

static void
on_checkout_end(struct holder *h)
{
	char why[sizeof(((struct err *)0)->msg)] = "the checkout was killed";
	ssize_t n;

	if (h->stop == EXEC_RUNNING && h->status == 0) {
		start_command(h);
		return;
	}
	n = read_full(h->prepare_fd, why, sizeof(why) - 1);
	if (n > 0)
		why[n] = '\0';
	finish_unstarted(h, 127, h->stop == EXEC_RUNNING ? why : "cancelled");
}

/* Starting the command */

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
	if (h->workdir && l->cwd && !path_is_within(h->workdir, real))
		return err_set(err, ERR_DENIED,
			       "cwd must be within project workdir");
	if (!h->workdir && l->cwd && l->cwd[0] == '/' && l->roots) {
		char *const *root = l->roots;

		while (*root && !path_is_within(*root, real))
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
		set_text(&h->state.memory_by,
			 limit_by(h, controls, CGROUP_MEMORY));
		if (!(controls & CGROUP_MEMORY))
			config->limit_memory = l->limit_memory;
	}
	if (l->limit_procs) {
		set_text(&h->state.procs_by,
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
		set_text(&h->state.cpu_by, "cgroup");
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
	set_text(&h->state.cwd, h->cwd);
	return command_start(&config, command, err);
}

static void
start_command(struct holder *h)
{
	struct command command;
	struct err err = ERR_INIT;
	struct proc_id id = { 0 };

	h->phase = RUNNING;
	h->oom_kills = read_oom_kills();
	if (try_command(h, &command, &err) < 0) {
		finish_unstarted(h, err.code == ERR_NOT_FOUND ? 127 : 126,
				 err.msg);
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
	(void)proc_id_read(command.pid, &id);
	h->state.pid = command.pid;
	h->state.pid_start = (int64_t)id.start;
	set_state(h, EXEC_RUNNING);
	if (h->launch.timeout_ms)
		h->timeout_at = clock_mono_ms() + h->launch.timeout_ms;
	publish(h);
}

/* Stopping */

static void
kill_tree(struct holder *h)
{
	if (h->cgroup_fd < 0 || !cgroup_kill(h->cgroup_fd))
		tree_kill();
	h->killing = true;
	h->kill_at = clock_mono_ms() + KILL_AGAIN_MS;
}

static void
begin_stop(struct holder *h, enum exec_state_kind why, int sig,
	   uint64_t grace_ms)
{
	uint64_t now = clock_mono_ms();

	if (h->phase == ENDED) {
		/* Only what it left behind is still there to be stopped. */
		kill_tree(h);
		return;
	}
	if (h->stop == EXEC_RUNNING) {
		h->stop = why;
		(void)tree_signal(sig);
		/* A stopped process would not notice the question. */
		(void)tree_signal(SIGCONT);
		h->kill_at = now + grace_ms;
	}
	/* A second request may only be less patient. */
	if (!h->killing)
		h->kill_at = MIN(h->kill_at, now + grace_ms);
}

/* Input */

static void
close_input(struct holder *h)
{
	struct control_msg msg = { .type = CONTROL_STDIN_TAKEN,
				   .a = h->in_taken,
				   .b = 1 };

	if (h->in_fd >= 0)
		close(h->in_fd);
	h->in_fd = -1;
	buf_clear(&h->in);
	control_server_send_all(&h->control, &msg, NULL, 0);
}

static void
write_input(struct holder *h)
{
	struct control_msg msg = { .type = CONTROL_STDIN_TAKEN,
				   .a = h->in_taken };
	bool had = h->in.len > 0;

	while (h->in_fd >= 0 && h->in.len > 0) {
		ssize_t put = write(h->in_fd, buf_bytes(&h->in), h->in.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0) {
			close_input(h);
			return;
		}
		buf_consume(&h->in, (size_t)put);
	}
	if (h->in_eof && h->in_fd >= 0) {
		/* A terminal has no end; ^D at the start of a line is one. */
		if (h->in_is_tty) {
			(void)!write(h->in_fd, "\004", 1);
			h->in_eof = false;
		} else {
			close_input(h);
			return;
		}
	}
	if (had)
		control_server_send_all(&h->control, &msg, NULL, 0);
}

static void
take_input(struct holder *h, const struct control_msg *msg, const uint8_t *data,
	   size_t n)
{
	uint64_t skip;

	if (h->in_fd < 0) {
		close_input(h);
		return;
	}
	/* A repeated request begins before what is here already. */
	if (msg->a > h->in_taken)
		return;
	skip = MIN(h->in_taken - msg->a, (uint64_t)n);
	if (buf_add(&h->in, data + skip, n - skip) < 0)
		return;
	h->in_taken += n - skip;
	h->in_eof = h->in_eof || msg->b == 1;
	if (h->in.len > 0) {
		write_input(h);
	} else {
		struct control_msg taken = { .type = CONTROL_STDIN_TAKEN,
					     .a = h->in_taken };

		if (h->in_eof)
			write_input(h);
		else
			control_server_send_all(&h->control, &taken, NULL, 0);
	}
}

/* Control */

static void
on_connect(struct control_server *server, int conn, void *owner)
{
	struct holder *h = owner;
	struct control_msg taken = { .type = CONTROL_STDIN_TAKEN,
				     .a = h->in_taken,
				     .b = h->in_fd < 0 };

	send_state(h, conn);
	control_server_send(server, conn, &taken, NULL, 0);
}

static void
on_message(struct control_server *server UNUSED, int conn UNUSED,
	   const struct control_msg *msg, const void *data, size_t n,
	   void *owner)
{
	struct holder *h = owner;

	switch (msg->type) {
	case CONTROL_CANCEL:
		begin_stop(h, EXEC_CANCELLED, msg->b ? (int)msg->b : SIGTERM,
			   msg->a == NEVER ? h->launch.grace_ms : msg->a);
		break;
	case CONTROL_SIGNAL:
		if (h->phase == RUNNING && h->main_pid > 0)
			(void)kill(-h->main_pid, (int)msg->a);
		break;
	case CONTROL_RESIZE:
		if (h->in_is_tty && h->in_fd >= 0)
			command_resize(h->in_fd, (unsigned)msg->a,
				       (unsigned)msg->b);
		break;
	case CONTROL_STDIN:
		take_input(h, msg, data, n);
		break;
	default:
		break;
	}
}

static const struct control_events control_events = {
	.on_connect = on_connect,
	.on_message = on_message,
};

/* The loop */

/* Reap everything that ended; false when no descendants are left. */
static bool
reap(struct holder *h)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid < 0)
			return false;
		if (pid == 0)
			return true;
		if (pid == h->main_pid) {
			h->main_pid = -1;
			h->status = status;
		}
	}
}

static void
maybe_end(struct holder *h, bool has_descendants)
{
	if (h->phase == ENDED || h->main_pid > 0)
		return;
	if (h->phase == PREPARING &&
	    !(h->stop != EXEC_RUNNING && has_descendants)) {
		on_checkout_end(h);
		return;
	}
	/* Stopping means the whole tree; ending by itself means the command. */
	if (h->stop != EXEC_RUNNING && has_descendants)
		return;
	if (h->phase == RUNNING) {
		describe_end(h);
		finish(h);
	}
}

static void
on_signals(struct holder *h)
{
	struct signalfd_siginfo info;
	bool asked = false;

	while (read(h->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		asked = asked || info.ssi_signo == SIGTERM;
	if (asked)
		begin_stop(h, EXEC_CANCELLED, SIGTERM, h->launch.grace_ms);
	maybe_end(h, reap(h));
}

static void
on_time(struct holder *h)
{
	uint64_t now = clock_mono_ms();

	if (now >= h->timeout_at) {
		h->timeout_at = NEVER;
		begin_stop(h, EXEC_TIMEOUT, SIGTERM, h->launch.grace_ms);
	}
	if (now >= h->kill_at) {
		bool has_descendants;

		kill_tree(h);
		has_descendants = reap(h);
		if (!has_descendants)
			h->kill_at = NEVER;
		maybe_end(h, has_descendants);
	}
	if (now >= h->retry_at)
		publish(h);
	if (now >= h->idle_at) {
		capture_idle(&h->capture);
		h->idle_at = NEVER;
	}
}

static int
next_timeout(const struct holder *h)
{
	uint64_t at = MIN(MIN(h->timeout_at, h->kill_at),
			  MIN(h->retry_at, h->idle_at));
	uint64_t now = clock_mono_ms();

	if (at == NEVER)
		return -1;
	return at <= now ? 0 : (int)MIN(at - now, (uint64_t)INT32_MAX);
}

/* The output was let go of after the end: the last word on its size. */
static void
on_output_closed(struct holder *h)
{
	h->state.output_open = false;
	capture_sync(&h->capture);
	publish(h);
}

enum { WATCH_OUT, WATCH_ERR, WATCH_IN, WATCH_SIGNAL, WATCH_OURS };

static void
turn(struct holder *h)
{
	struct pollfd fds[WATCH_OURS + CONTROL_POLL_FDS];
	bool was_open = capture_is_open(&h->capture);
	int n, timeout = next_timeout(h);

	fds[WATCH_OUT].fd = capture_fd(&h->capture, TIMELINE_OUT);
	fds[WATCH_ERR].fd = capture_fd(&h->capture, TIMELINE_ERR);
	fds[WATCH_IN].fd = h->in.len > 0 ? h->in_fd : -1;
	fds[WATCH_SIGNAL].fd = h->signal_fd;
	for (unsigned i = 0; i < WATCH_OURS; i++)
		fds[i].events = i == WATCH_IN ? POLLOUT : POLLIN;
	control_server_prepare(&h->control, fds + WATCH_OURS);

	/* Nothing unwritten while asleep: readers trust the timeline. */
	n = poll(fds, ARRAY_SIZE(fds), 0);
	if (n == 0) {
		if (!capture_flush(&h->capture) && h->retry_at == NEVER)
			h->retry_at = clock_mono_ms() + RETRY_MS;
		n = poll(fds, ARRAY_SIZE(fds), timeout);
	}
	if (n > 0) {
		for (unsigned i = WATCH_OUT; i <= WATCH_ERR; i++) {
			if (fds[i].fd >= 0 && fds[i].revents) {
				(void)capture_read(&h->capture, i, READ_SLICE);
				h->idle_at = clock_mono_ms() + IDLE_MS;
			}
		}
		if (fds[WATCH_IN].fd >= 0 && fds[WATCH_IN].revents)
			write_input(h);
		control_server_handle(&h->control, fds + WATCH_OURS);
		if (fds[WATCH_SIGNAL].revents)
			on_signals(h);
	}
	on_time(h);
	if (h->phase == ENDED && was_open && !capture_is_open(&h->capture) &&
	    h->state.output_open)
		on_output_closed(h);
}

static bool
is_done(const struct holder *h)
{
	return h->phase == ENDED && h->is_durable &&
	       !capture_is_open(&h->capture);
}

/* Beginning */

static void
block_signals(struct holder *h)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	h->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The exec's directory with its spec, durable. */
static int
make_dir(struct holder *h, struct err *err)
{
	AUTO_CLOSE int root = open(h->launch.root,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 && errno == ENOENT &&
	    fs_mkdir_private(h->launch.root, err) == 0)
		root = open(h->launch.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || mkdirat(root, h->launch.id, 0700) < 0)
		return err_sys(err, "store the exec in %s", h->launch.root);
	h->dir_fd = openat(root, h->launch.id,
			   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->dir_fd < 0)
		return err_sys(err, "open its directory");
	if (fs_write_atomic(h->dir_fd, "spec.json", h->launch.spec,
			    strlen(h->launch.spec), FS_WRITE_SYNC, err) < 0 ||
	    capture_open(&h->capture, h->dir_fd, h->launch.max_log, &h->clock,
			 err) < 0) {
		(void)fs_remove_tree(root, h->launch.id, &(struct err)ERR_INIT);
		return -1;
	}
	return fsync(root) < 0 ? err_sys(err, "sync %s", h->launch.root) : 0;
}

static int
read_launch(struct holder *h, int launch_fd, struct err *err)
{
	AUTO_BUF bytes = BUF_INIT(MAX_LAUNCH);
	int rc;

	(void)lseek(launch_fd, 0, SEEK_SET);
	rc = fs_read_fd(launch_fd, &bytes, err);
	close(launch_fd);
	if (rc < 0)
		return -1;
	return launch_decode(buf_bytes(&bytes), bytes.len, &h->launch, err);
}

static void
init_state(struct holder *h)
{
	struct proc_id self = { 0 };

	h->state = (struct exec_state)EXEC_STATE_INIT;
	(void)proc_id_read(getpid(), &self);
	h->state.holder_pid = self.pid;
	h->state.holder_start = (int64_t)self.start;
	h->state.boot_id = xstrdup(proc_boot_id());
	h->state.started_ns = h->clock.wall_ns;
}

static void __attribute__((noreturn)) refuse(int channel, const struct err *err)
{
	struct {
		struct control_msg msg;
		char text[sizeof(err->msg)];
	} packet = { .msg = { .type = CONTROL_FAILED, .a = err->code } };
	size_t n = strlen(err->msg);

	memcpy(packet.text, err->msg, n);
	(void)!write(channel, &packet, sizeof(packet.msg) + n);
	_exit(1);
}

/*
 * Has the daemon that ordered this died?  Then nobody was told, and whoever
 * asked will ask again: starting now could start it twice.  The next daemon
 * reads the directories after the death of this one, and the spec was there
 * before this question: either it finds the exec, or we do not start it.
 */
static bool
is_deserted(int channel)
{
	char byte;

	return recv(channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Leave nothing: the order is void. */
static void
discard(struct holder *h)
{
	AUTO_CLOSE int root = open(h->launch.root,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	control_server_close(&h->control, h->dir_fd);
	if (root >= 0)
		(void)fs_remove_tree(root, h->launch.id, &(struct err)ERR_INIT);
}

static void
begin(struct holder *h, int channel)
{
	struct err err = ERR_INIT;

	control_server_open(&h->control, channel, h->dir_fd, &control_events,
			    h);
	if (is_deserted(channel)) {
		discard(h);
		_exit(1);
	}
	publish(h);
	if (h->launch.refusal) {
		finish_unstarted(h, 127, h->launch.refusal);
		return;
	}
	if (h->launch.repo_url == NULL) {
		start_command(h);
		return;
	}
	if (start_checkout(h, &err) < 0)
		finish_unstarted(h, 127, err.msg);
}

void
holder_run(int channel, int launch_fd)
{
	static struct holder h = {
		.dir_fd = -1,
		.phase = PREPARING,
		.main_pid = -1,
		.prepare_fd = -1,
		.in_fd = -1,
		.in = BUF_INIT(MAX_STDIN),
		.stop = EXEC_RUNNING,
		.timeout_at = NEVER,
		.kill_at = NEVER,
		.cgroup_fd = -1,
		.retry_at = NEVER,
		.idle_at = NEVER,
	};
	struct err err = ERR_INIT;
	char title[64];

	(void)setsid();
	(void)!chdir("/");
	block_signals(&h);
	tree_adopt();
	clock_base_init(&h.clock);
	if (read_launch(&h, launch_fd, &err) < 0 || make_dir(&h, &err) < 0)
		refuse(channel, &err);
	snprintf(title, sizeof(title), "berthd: holds %s", h.launch.id);
	proc_title_set(title);
	init_state(&h);
	begin(&h, channel);
	while (!is_done(&h))
		turn(&h);
	control_server_close(&h.control, h.dir_fd);
	cgroup_remove(h.launch.id);
	_exit(0);
}
