/* SPDX-License-Identifier: ISC */

/*
 * Runs of a program; see call.h.
 *
 * A call is over when the process was reaped and both pipes were read to their
 * end; it is freed when its four handles are closed.
 *
 * A descriptor is closed together with its handle.  A handle that is only
 * stopped remembers the number, and closing it later would make libuv forget
 * whoever has that number by then.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/exec/command.h"
#include "berthd/session/call.h"
#include "berthd/session/child.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"

#define MAX_OUT (64u << 20)
#define MAX_SAID 4096
#define PIECE 16384

#define DEADLINE_MS 10000

struct pipe {
	struct call *call;
	int fd; /* -1: at its end */
	struct buf bytes;
	uv_poll_t watch;
};

struct call {
	struct list link;
	call_end_fn *on_end;
	void *owner;
	struct child child;
	struct pipe out, said;
	uv_timer_t deadline;
	unsigned n_handles;
	bool has_ended; /* the process */
	struct err err; /* why it cannot succeed any more */
};

static void
on_closed(struct call *call)
{
	if (--call->n_handles > 0)
		return;
	buf_fini(&call->out.bytes);
	buf_fini(&call->said.bytes);
	free(call);
}

static void
on_child_closed(struct child *child)
{
	on_closed(container_of(child, struct call, child));
}

static void
on_pipe_closed(uv_handle_t *handle)
{
	struct pipe *pipe = container_of((uv_poll_t *)handle, struct pipe,
					 watch);

	on_closed(pipe->call);
}

static void
on_deadline_closed(uv_handle_t *handle)
{
	on_closed(container_of((uv_timer_t *)handle, struct call, deadline));
}

static void
close_pipe(struct pipe *pipe)
{
	if (pipe->fd < 0)
		return;
	uv_close((uv_handle_t *)&pipe->watch, on_pipe_closed);
	close(pipe->fd);
	pipe->fd = -1;
}

/* The memory goes when the handles are closed. */
static void
call_free(struct call *call)
{
	list_unlink(&call->link);
	close_pipe(&call->out);
	close_pipe(&call->said);
	child_close(&call->child);
	uv_close((uv_handle_t *)&call->deadline, on_deadline_closed);
}

static void
judge(struct call *call)
{
	int status = call->child.status;
	const char *said = buf_text(&call->said.bytes);

	if (call->err.code != ERR_NONE ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return;
	if (call->said.bytes.len > 0)
		err_set(&call->err, ERR_REMOTE, "%.*s",
			(int)strcspn(said, "\n"), said);
	else
		err_set(&call->err, ERR_REMOTE, "it ended with status %d",
			WIFEXITED(status) ? WEXITSTATUS(status)
					  : 128 + WTERMSIG(status));
}

static void
maybe_end(struct call *call)
{
	if (!call->has_ended || call->out.fd >= 0 || call->said.fd >= 0)
		return;
	judge(call);
	call->on_end(&call->out.bytes,
		     call->err.code == ERR_NONE ? NULL : &call->err,
		     call->owner);
	call_free(call);
}

static void
on_child_end(struct child *child)
{
	struct call *call = container_of(child, struct call, child);

	call->has_ended = true;
	maybe_end(call);
}

static void
on_readable(uv_poll_t *watch, int status UNUSED, int events UNUSED)
{
	struct pipe *pipe = container_of(watch, struct pipe, watch);
	struct call *call = pipe->call;
	size_t room = MIN(pipe->bytes.max - pipe->bytes.len, (size_t)PIECE);
	char rest[PIECE];
	void *at = room > 0 ? (void *)buf_reserve(&pipe->bytes, room) : rest;
	ssize_t n = read(pipe->fd, at, room > 0 ? room : sizeof(rest));

	if (n > 0 && room > 0)
		buf_commit(&pipe->bytes, (size_t)n);
	else if (n > 0 && pipe == &call->out)
		err_set(&call->err, ERR_LIMIT, "more than %u bytes", MAX_OUT);
	if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
		return;
	close_pipe(pipe);
	maybe_end(call);
}

static void
on_deadline(uv_timer_t *timer)
{
	struct call *call = container_of(timer, struct call, deadline);

	err_set(&call->err, ERR_TIMEOUT, "tmux does not answer");
	child_kill(&call->child, SIGKILL);
	/* Somebody else may hold the pipes. */
	close_pipe(&call->out);
	close_pipe(&call->said);
	maybe_end(call);
}

static void
open_pipe(struct call *call, struct pipe *pipe, int fd, size_t max)
{
	pipe->call = call;
	pipe->fd = fd;
	buf_init(&pipe->bytes, max);
	fd_set_nonblock(fd);
	(void)uv_poll_init(call->deadline.loop, &pipe->watch, fd);
	(void)uv_poll_start(&pipe->watch, UV_READABLE, on_readable);
	call->n_handles++;
}

/* What failed before there was a process fails from the loop, too. */
static void
on_failed_start(uv_timer_t *timer)
{
	struct call *call = container_of(timer, struct call, deadline);

	call->on_end(&call->out.bytes, &call->err, call->owner);
	list_unlink(&call->link);
	uv_close((uv_handle_t *)&call->deadline, on_deadline_closed);
}

/* There is no descriptor left to watch it with. */
static void
drop_command(const struct command *command)
{
	(void)kill(command->pid, SIGKILL);
	while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(command->out_fd);
	close(command->err_fd);
}

void
call_start(struct calls *calls, char *const *argv, call_end_fn *on_end,
	   void *owner)
{
	struct command_config config = {
		.argv = argv, .env = calls->env, .cwd = "/", .cgroup_fd = -1
	};
	struct call *call = xcalloc(1, sizeof(*call));
	struct command command;

	call->on_end = on_end;
	call->owner = owner;
	call->out.fd = call->said.fd = -1;
	call->child = (struct child){ .pidfd = -1,
				      .is_ours = true,
				      .on_end = on_child_end,
				      .on_closed = on_child_closed };
	list_append(&calls->list, &call->link);
	(void)uv_timer_init(calls->loop, &call->deadline);
	call->n_handles = 1;
	if (command_start(&config, &command, &call->err) < 0) {
		(void)uv_timer_start(&call->deadline, on_failed_start, 0, 0);
		return;
	}
	call->child.pid = command.pid;
	if (!child_watch(&call->child, calls->loop)) {
		err_sys(&call->err, "watch a process");
		drop_command(&command);
		(void)uv_timer_start(&call->deadline, on_failed_start, 0, 0);
		return;
	}
	call->n_handles++;
	(void)uv_timer_start(&call->deadline, on_deadline, DEADLINE_MS, 0);
	open_pipe(call, &call->out, command.out_fd, MAX_OUT);
	open_pipe(call, &call->said, command.err_fd, MAX_SAID);
}

void
calls_init(struct calls *calls, struct uv_loop_s *loop, char *const *env)
{
	calls->loop = loop;
	calls->env = env;
	list_init(&calls->list);
}

void
calls_fini(struct calls *calls)
{
	struct call *call;

	list_for_each (call, &calls->list, link) {
		if (call->child.is_open) {
			call_free(call);
			continue;
		}
		list_unlink(&call->link);
		uv_close((uv_handle_t *)&call->deadline, on_deadline_closed);
	}
}
