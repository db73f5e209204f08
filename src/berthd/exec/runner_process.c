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
#include <sys/syscall.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/exec/control.h"
#include "berthd/exec/control_client.h"
#include "berthd/exec/holder_pool.h"
#include "berthd/exec/launch.h"
#include "berthd/exec/runner_process.h"
#include "berthd/exec/spawner.h"
#include "berthd/exec/state.h"
#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/proc.h"

struct process_run {
	struct run run;
	struct control_client *control; /* or, without one: */
	uv_poll_t watch;
	int pidfd;
	struct proc_id holder;
};

static struct runner_process *
runner_of(struct runner *runner)
{
	return container_of(runner, struct runner_process, runner);
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
on_begun(struct process_run *p, uint64_t started_ns)
{
	struct exec_state state = EXEC_STATE_INIT;

	state.started_ns = started_ns;
	p->run.events->on_state(&p->run, &state, p->run.owner);
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

/* Its work is done, as if it were gone; but it would take more. */
static void
on_free(struct process_run *p)
{
	holder_pool_add(&runner_of(p->run.runner)->pool, TAKE(p->control));
	p->run.events->on_gone(&p->run, p->run.owner);
}

static void
on_message(struct control_client *control UNUSED, const struct control_msg *msg,
	   const void *data, size_t n, void *owner)
{
	struct process_run *p = owner;

	if (msg->type == CONTROL_STATE)
		on_state_text(p, data, n);
	else if (msg->type == CONTROL_BEGUN)
		on_begun(p, msg->a);
	else if (msg->type == CONTROL_FAILED)
		on_refusal(p, msg->a, data, n);
	else if (msg->type == CONTROL_STDIN_TAKEN)
		p->run.events->on_input(&p->run, msg->a, msg->b != 0,
					p->run.owner);
	else if (msg->type == CONTROL_FREE)
		on_free(p);
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
new_run(struct runner *runner, const struct run_events *events, void *owner)
{
	struct process_run *p = xcalloc(1, sizeof(*p));

	p->run =
	    (struct run){ .runner = runner, .events = events, .owner = owner };
	p->pidfd = -1;
	return p;
}

/* A holder that waits takes the order; NULL: none can. */
static struct control_client *
order_of_waiting(struct runner_process *r, const struct buf *order)
{
	static const struct control_msg msg = { .type = CONTROL_LAUNCH };
	struct control_client *client;

	if (order->len > CONTROL_MAX_DATA)
		return NULL;
	while ((client = holder_pool_take(&r->pool)) != NULL) {
		if (control_client_send(client, &msg, buf_bytes(order),
					order->len))
			return client;
		control_client_free(client);
	}
	return NULL;
}

/* A holder that is forked for it. */
static struct control_client *
order_of_new(struct runner_process *r, const struct buf *order, struct err *err)
{
	int channel = spawner_launch(r->spawner, buf_bytes(order), order->len,
				     err);

	if (channel < 0)
		return NULL;
	return control_client_new(r->loop, channel, &control_events, NULL);
}

static struct run *
start(struct runner *runner, const struct launch *launch,
      const struct run_events *events, void *owner, struct err *err)
{
	struct runner_process *r = runner_of(runner);
	AUTO_BUF order = BUF_INIT(LAUNCH_MAX);
	struct control_client *control;
	struct process_run *p;

	if (launch_encode(launch, &order) < 0) {
		err_set(err, ERR_LIMIT,
			"command, script and environment are larger than %u "
			"bytes",
			LAUNCH_MAX);
		return NULL;
	}
	control = order_of_waiting(r, &order);
	if (control == NULL)
		control = order_of_new(r, &order, err);
	if (control == NULL)
		return NULL;
	p = new_run(runner, events, owner);
	p->control = control;
	control_client_retarget(control, &control_events, p);
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
adopt(struct runner *runner, int dir_fd, const struct exec_state *state,
      const struct run_events *events, void *owner)
{
	struct runner_process *r = runner_of(runner);
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

	_Static_assert(RUN_MAX_INPUT <= CONTROL_MAX_DATA, "in one message");
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

	if (p->pidfd >= 0) {
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
	holder_pool_init(&runner->pool, loop);
}

void
runner_process_fini(struct runner_process *runner)
{
	holder_pool_close(&runner->pool);
}
