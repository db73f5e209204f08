/* SPDX-License-Identifier: ISC */

/*
 * The holder; see holder.h.
 *
 * One poll loop.  An exec has ended when its main process is reaped, the
 * checkout's or the command's, and what it had written is stored; if it was
 * cancelled or timed out, only when its whole tree is gone too.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/exec/cgroup.h"
#include "berthd/exec/command.h"
#include "berthd/exec/holder.h"
#include "berthd/exec/holder_own.h"
#include "berthd/exec/spec.h"
#include "berthd/exec/tree.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/proc.h"

#define MAX_LAUNCH (16u << 20)
#define MAX_STDIN (4 * CONTROL_MAX_DATA)

/* Read per stream and turn, so that neither starves the other or control. */
#define READ_SLICE (1u << 20)

/* A refused flush of the timeline is repeated so often. */
#define RETRY_MS 1000

/* While a tree is being killed, look again so often for what was missed. */
#define KILL_AGAIN_MS 50

/* After so long without output its buffer goes back to the system. */
#define IDLE_MS 1000

/* While output flows readers see it this often. */
#define FLUSH_MS 5

/* Stopping */

static void
kill_tree(struct holder *h)
{
	bool by_cgroup = h->cgroup_fd >= 0 && cgroup_kill(h->cgroup_fd);

	/* Some may never have been in the cgroup, or have left it. */
	if (!by_cgroup || h->killing)
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

/* Control */

static void
on_connect(struct control_server *server, int conn, void *owner)
{
	struct holder *h = owner;
	struct control_msg taken = { .type = CONTROL_STDIN_TAKEN,
				     .a = h->in_taken,
				     .b = h->in_fd < 0 };

	holder_tell_state(h, conn);
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
			   msg->a == HOLDER_NEVER ? h->launch.grace_ms
						  : msg->a);
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
		holder_take_input(h, msg, data, n);
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
		holder_on_checkout_end(h);
		return;
	}
	/* Stopping means the whole tree; ending by itself means the command. */
	if (h->stop != EXEC_RUNNING && has_descendants)
		return;
	if (h->phase == RUNNING) {
		holder_finish(h);
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
		h->timeout_at = HOLDER_NEVER;
		begin_stop(h, EXEC_TIMEOUT, SIGTERM, h->launch.grace_ms);
	}
	if (now >= h->kill_at) {
		bool has_descendants;

		kill_tree(h);
		has_descendants = reap(h);
		if (!has_descendants)
			h->kill_at = HOLDER_NEVER;
		maybe_end(h, has_descendants);
	}
	if (now >= h->retry_at)
		holder_publish(h);
	if (now >= h->idle_at) {
		capture_idle(&h->capture);
		h->idle_at = HOLDER_NEVER;
	}
}

static int
next_timeout(const struct holder *h)
{
	uint64_t at = MIN(MIN(h->timeout_at, h->kill_at),
			  MIN(h->retry_at, h->idle_at));
	uint64_t now = clock_mono_ms();

	if (at == HOLDER_NEVER)
		return -1;
	return at <= now ? 0 : (int)MIN(at - now, (uint64_t)INT32_MAX);
}

/* The output was let go of after the end: the last word on its size. */
static void
on_output_closed(struct holder *h)
{
	h->state.output_open = false;
	capture_sync(&h->capture);
	holder_publish(h);
}

enum { WATCH_OUT, WATCH_ERR, WATCH_IN, WATCH_SIGNAL, WATCH_OURS };

/*
 * Nothing stays unwritten while we sleep, as readers trust the timeline.  What
 * comes after a pause is shown at once; while more comes, all of FLUSH_MS at
 * once, since a record per wake-up would cost as much as the output.
 */
static int
await_events(struct holder *h, struct pollfd *fds, nfds_t n_fds)
{
	uint64_t now = clock_mono_ms();
	int n;

	if (h->capture.n_pending > 0) {
		n = poll(fds, n_fds,
			 now < h->flush_at ? (int)(h->flush_at - now) : 0);
		if (n != 0)
			return n;
		if (!capture_flush(&h->capture) && h->retry_at == HOLDER_NEVER)
			h->retry_at = now + RETRY_MS;
		h->flush_at = clock_mono_ms() + FLUSH_MS;
	}
	return poll(fds, n_fds, next_timeout(h));
}

static void
turn(struct holder *h)
{
	struct pollfd fds[WATCH_OURS + CONTROL_POLL_FDS];
	bool was_open = capture_is_open(&h->capture);

	fds[WATCH_OUT].fd = capture_fd(&h->capture, TIMELINE_OUT);
	fds[WATCH_ERR].fd = capture_fd(&h->capture, TIMELINE_ERR);
	fds[WATCH_IN].fd = h->in.len > 0 ? h->in_fd : -1;
	fds[WATCH_SIGNAL].fd = h->signal_fd;
	for (unsigned i = 0; i < WATCH_OURS; i++)
		fds[i].events = i == WATCH_IN ? POLLOUT : POLLIN;
	control_server_prepare(&h->control, fds + WATCH_OURS);

	if (await_events(h, fds, ARRAY_SIZE(fds)) > 0) {
		for (unsigned i = WATCH_OUT; i <= WATCH_ERR; i++) {
			if (fds[i].fd >= 0 && fds[i].revents) {
				(void)capture_read(&h->capture, i, READ_SLICE);
				h->idle_at = clock_mono_ms() + IDLE_MS;
			}
		}
		if (fds[WATCH_IN].fd >= 0 && fds[WATCH_IN].revents)
			holder_write_input(h);
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

/*
 * Make the exec durable, in one commit of a journal and, where it takes the
 * names along, with one flush of the disk: everything was made before.
 */
static int
sync_start(const struct holder *h, int root, struct err *err)
{
	AUTO_CLOSE int spec = openat(h->dir_fd, SPEC_FILE,
				     O_RDONLY | O_CLOEXEC);

	if (spec < 0 || fdatasync(spec) < 0)
		return err_sys(err, "sync " SPEC_FILE);
	if (fs_syncs_names(spec))
		return 0;
	if (fsync(h->dir_fd) < 0 || fsync(root) < 0)
		return err_sys(err, "sync %s", h->launch.root);
	return 0;
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
	if (fs_write_atomic(h->dir_fd, SPEC_FILE, h->launch.spec,
			    strlen(h->launch.spec), 0, err) < 0 ||
	    exec_state_create(h->dir_fd, err) < 0 ||
	    capture_open(&h->capture, h->dir_fd, h->launch.max_log, &h->clock,
			 err) < 0 ||
	    sync_start(h, root, err) < 0) {
		(void)fs_remove_tree(root, h->launch.id, &(struct err)ERR_INIT);
		return -1;
	}
	return 0;
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
	holder_publish(h);
	if (h->launch.refusal) {
		holder_finish_unstarted(h, 127, h->launch.refusal);
		return;
	}
	if (h->launch.repo_url == NULL) {
		holder_start_command(h);
		return;
	}
	if (holder_start_checkout(h, &err) < 0)
		holder_finish_unstarted(h, 127, err.msg);
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
		.timeout_at = HOLDER_NEVER,
		.kill_at = HOLDER_NEVER,
		.cgroup_fd = -1,
		.retry_at = HOLDER_NEVER,
		.idle_at = HOLDER_NEVER,
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
