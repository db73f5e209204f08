/* SPDX-License-Identifier: ISC */

/*
 * The end of a process; see child.h.
 *
 * The pidfd stays until its handle is closed: a handle that was only stopped
 * remembers the number, and closing it later would make libuv forget whoever
 * has that number by then.
 */

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "berthd/session/child.h"
#include "core/macros.h"

static void
reap(struct child *child)
{
	if (!child->is_ours)
		return;
	while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
		;
}

static void
on_readable(uv_poll_t *watch, int status UNUSED, int events UNUSED)
{
	struct child *child = container_of(watch, struct child, watch);

	(void)uv_poll_stop(watch);
	child->has_ended = true;
	reap(child);
	child->on_end(child);
}

bool
child_watch(struct child *child, struct uv_loop_s *loop)
{
	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd < 0)
		return false;
	if (uv_poll_init(loop, &child->watch, child->pidfd) < 0) {
		close(child->pidfd);
		child->pidfd = -1;
		return false;
	}
	child->is_open = true;
	(void)uv_poll_start(&child->watch, UV_READABLE, on_readable);
	return true;
}

void
child_kill(struct child *child, int sig)
{
	if (child->is_open && !child->has_ended)
		(void)syscall(SYS_pidfd_send_signal, child->pidfd, sig, NULL,
			      0);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct child *child = container_of((uv_poll_t *)handle, struct child,
					   watch);

	child->on_closed(child);
}

void
child_close(struct child *child)
{
	if (!child->is_open)
		return;
	if (child->is_ours && !child->has_ended) {
		child_kill(child, SIGKILL);
		reap(child);
	}
	child->is_open = false;
	uv_close((uv_handle_t *)&child->watch, on_handle_closed);
	close(child->pidfd);
	child->pidfd = -1;
}
