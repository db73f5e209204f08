/* SPDX-License-Identifier: ISC */

/*
 * Runs of this machine; see runner_process.h.
 *
 * A run reaches its holder through the control channel.  A holder whose socket
 * cannot be had (a file system without sockets) is watched through a pidfd
 * instead, and can then only be asked to cancel, by SIGTERM.
 */

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/exec/control.h"
#include "berthd/exec/control_client.h"
#include "berthd/exec/launch.h"
#include "berthd/exec/runner_process.h"
#include "berthd/exec/spawner.h"
#include "berthd/exec/state.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/proc.h"

#define MAX_LAUNCH (16u << 20)

struct process_run {
	struct run run;
	struct control_client *control; /* or, without one: */
	uv_poll_t watch;
	int pidfd;
	struct proc_id holder;
};

static const struct runner_process *
runner_of(const struct runner *runner)
{
	return (const struct runner_process *)runner;
}

static struct process_run *
process_of(struct run *run)
{
	return container_of(run, struct process_run, run);
}

static void
on_state_text(struct process_run *p, const void *text, size_t n)
{
	struct exec_state state = EXEC_STATE_INIT;
	struct err err = ERR_INIT;

	/* A holder that cannot be understood is read from disk at its end. */
	if (exec_state_decode(text, n, &state, &err) == 0)
		p->run.events->on_state(&p->run, &state, p->run.owner);
	exec_state_fini(&state);
}

static void
on_refusal(struct process_run *p, uint64_t code, const void *text, size_t n)
{
	struct err err = ERR_INIT;

	if (code == ERR_NONE || code >= ERR_CODES)
		code = ERR_SYSTEM;
	err_set(&err, (enum err_code)code, "%.*s", (int)n, (const char *)text);
	p->run.events->on_refused(&p->run, &err, p->run.owner);
}

static void
on_message(struct control_client *control UNUSED, const struct control_msg *msg,
	   const void *data, size_t n, void *owner)
{
	struct process_run *p = owner;

	if (msg->type == CONTROL_STATE)
		on_state_text(p, data, n);
	else if (msg->type == CONTROL_FAILED)
		on_refusal(p, msg->a, data, n);
	else if (msg->type == CONTROL_STDIN_TAKEN)
		p->run.events->on_input(&p->run, msg->a, msg->b != 0,
					p->run.owner);
}

static void
on_control_gone(struct control_client *control UNUSED, void *owner)
{
	struct process_run *p = owner;

	p->run.events->on_gone(&p->run, p->run.owner);
}

static const struct control_client_events control_events = {
	.on_message = on_message,
	.on_gone = on_control_gone,
};

static void
on_holder_exit(uv_poll_t *watch, int status UNUSED, int events UNUSED)
{
	struct process_run *p = container_of(watch, struct process_run, watch);

	(void)uv_poll_stop(watch);
	p->run.events->on_gone(&p->run, p->run.owner);
}

static struct process_run *
new_run(const struct runner *runner, const struct run_events *events,
	void *owner)
{
	struct process_run *p = xcalloc(1, sizeof(*p));

	p->run =
	    (struct run){ .runner = runner, .events = events, .owner = owner };
	p->pidfd = -1;
	return p;
}

/* The launch order as a memfd. */
static int
write_launch(const struct launch *launch, struct err *err)
{
	AUTO_CLOSE int fd = memfd_create("launch", MFD_CLOEXEC);
	AUTO_BUF bytes = BUF_INIT(MAX_LAUNCH);

	if (fd < 0)
		return err_sys(err, "memfd");
	if (launch_encode(launch, &bytes) < 0)
		return err_set(err, ERR_LIMIT,
			       "command, script and environment are larger "
			       "than %u bytes",
			       MAX_LAUNCH);
	if (write_full(fd, buf_bytes(&bytes), bytes.len) < 0)
		return err_sys(err, "write the launch order");
	return TAKE_FD(fd);
}

static struct run *
start(const struct runner *runner, const struct launch *launch,
      const struct run_events *events, void *owner, struct err *err)
{
	const struct runner_process *r = runner_of(runner);
	AUTO_CLOSE int order = write_launch(launch, err);
	struct process_run *p;
	int channel;

	if (order < 0)
		return NULL;
	channel = spawner_launch(r->spawner, order, err);
	if (channel < 0)
		return NULL;
	p = new_run(runner, events, owner);
	p->control = control_client_new(r->loop, channel, &control_events, p);
	return &p->run;
}

static bool
watch_holder(struct process_run *p, struct uv_loop_s *loop)
{
	if (!proc_id_alive(&p->holder))
		return false;
	p->pidfd = (int)syscall(SYS_pidfd_open, p->holder.pid, 0);
	if (p->pidfd < 0 || !proc_id_alive(&p->holder))
		return false;
	if (uv_poll_init(loop, &p->watch, p->pidfd) < 0)
		return false;
	(void)uv_poll_start(&p->watch, UV_READABLE, on_holder_exit);
	return true;
}

static struct run *
adopt(const struct runner *runner, int dir_fd, const struct exec_state *state,
      const struct run_events *events, void *owner)
{
	const struct runner_process *r = runner_of(runner);
	struct process_run *p = new_run(runner, events, owner);
	struct err err = ERR_INIT;

	p->holder = (struct proc_id){ .pid = (pid_t)state->holder_pid,
				      .start = (uint64_t)state->holder_start };
	p->control = control_client_connect(r->loop, dir_fd, &control_events, p,
					    &err);
	if (p->control ||
	    (state->boot_id && strcmp(state->boot_id, proc_boot_id()) == 0 &&
	     watch_holder(p, r->loop)))
		return &p->run;
	if (p->pidfd >= 0)
		close(p->pidfd);
	free(p);
	return NULL;
}

static bool
tell(struct run *run, const struct control_msg *msg, const void *data, size_t n)
{
	struct process_run *p = process_of(run);

	return p->control && control_client_send(p->control, msg, data, n);
}

static bool
cancel(struct run *run, uint64_t grace_ms, int sig)
{
	struct process_run *p = process_of(run);
	struct control_msg msg = { .type = CONTROL_CANCEL,
				   .a = grace_ms,
				   .b = (uint64_t)sig };

	if (p->control)
		return tell(run, &msg, NULL, 0);
	return proc_id_signal(&p->holder, SIGTERM);
}

static bool
send_signal(struct run *run, int sig)
{
	struct control_msg msg = { .type = CONTROL_SIGNAL, .a = (uint64_t)sig };

	return tell(run, &msg, NULL, 0);
}

static bool
resize(struct run *run, unsigned cols, unsigned rows)
{
	struct control_msg msg = { .type = CONTROL_RESIZE,
				   .a = cols,
				   .b = rows };

	return tell(run, &msg, NULL, 0);
}

static bool
input(struct run *run, uint64_t offset, const void *bytes, size_t n,
      bool is_end)
{
	struct control_msg msg = { .type = CONTROL_STDIN,
				   .a = offset,
				   .b = is_end };

	return tell(run, &msg, bytes, n);
}

static void
on_watch_closed(uv_handle_t *handle)
{
	struct process_run *p = container_of((uv_poll_t *)handle,
					     struct process_run, watch);

	close(p->pidfd);
	free(p);
}

static void
free_run(struct run *run)
{
	struct process_run *p = process_of(run);

	if (p->control == NULL) {
		uv_close((uv_handle_t *)&p->watch, on_watch_closed);
		return;
	}
	control_client_free(p->control);
	free(p);
}

void
runner_process_init(struct runner_process *runner, struct uv_loop_s *loop,
		    const struct spawner *spawner)
{
	*runner = (struct runner_process){
		.runner = { .name = "process",
			    .start = start,
			    .adopt = adopt,
			    .cancel = cancel,
			    .signal = send_signal,
			    .resize = resize,
			    .input = input,
			    .free = free_run },
		.loop = loop,
		.spawner = spawner,
	};
}
