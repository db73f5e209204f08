/* SPDX-License-Identifier: ISC */

/*
 * The loop of a holder; see holder_own.h.
 *
 * An exec has ended when its main process is reaped, the checkout's or the
 * command's, and what it had written is stored; if it was cancelled or timed
 * out, only when its whole tree is gone too.
 */

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/exec/cgroup.h"
#include "berthd/exec/command.h"
#include "berthd/exec/holder_own.h"
#include "berthd/exec/tree.h"

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

void
holder_open_control(struct holder *h, int channel)
{
	control_server_open(&h->control, channel, h->dir_fd, &control_events,
			    h);
}

/* The loop */

static void
add_usage(struct holder *h, const struct rusage *usage)
{
	h->state.cpu_user_us += (int64_t)usage->ru_utime.tv_sec * 1000000 +
				usage->ru_utime.tv_usec;
	h->state.cpu_system_us += (int64_t)usage->ru_stime.tv_sec * 1000000 +
				  usage->ru_stime.tv_usec;
	h->state.max_rss = MAX(h->state.max_rss,
			       (int64_t)usage->ru_maxrss * 1024);
}

bool
holder_reap(struct holder *h)
{
	for (;;) {
		struct rusage usage;
		int status;
		pid_t pid = wait4(-1, &status, WNOHANG, &usage);

		if (pid < 0)
			return false;
		if (pid == 0)
			return true;
		/* What ends later has no part in the end that was told. */
		if (h->phase != ENDED)
			add_usage(h, &usage);
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

bool
holder_is_asked_to_stop(int signal_fd)
{
	struct signalfd_siginfo info;
	bool asked = false;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		asked = asked || info.ssi_signo == SIGTERM;
	return asked;
}

static void
on_signals(struct holder *h)
{
	if (holder_is_asked_to_stop(h->signal_fd))
		begin_stop(h, EXEC_CANCELLED, SIGTERM, h->launch.grace_ms);
	maybe_end(h, holder_reap(h));
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
		has_descendants = holder_reap(h);
		if (!has_descendants)
			h->kill_at = HOLDER_NEVER;
		maybe_end(h, has_descendants);
	}
	if (now >= h->retry_at)
		holder_publish(h);
	if (now >= h->idle_at) {
		capture_idle();
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

void
holder_turn_until_done(struct holder *h)
{
	while (!is_done(h))
		turn(h);
}
