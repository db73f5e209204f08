/* SPDX-License-Identifier: ISC */

/*
 * One exec; see exec.h.
 *
 * States follow berthd/exec/state.c's table.  `run' is there exactly while a
 * holder can be heard or watched; an ended exec may still have one, when
 * background children hold its output.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "berthd/exec/exec.h"
#include "berthd/exec/runner.h"
#include "berthd/exec/spec.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/strv.h"
#include "core/text.h"

struct exec_full {
	struct exec exec;
	const struct exec_events *events;
};

static const struct run_events run_events;

static struct exec_full *
full_of(struct exec *exec)
{
	return container_of(exec, struct exec_full, exec);
}

struct exec *
exec_new(const char *root, const char *id, struct runner *runner,
	 const struct exec_events *events, void *owner)
{
	struct exec_full *full = xcalloc(1, sizeof(*full));
	struct exec *exec = &full->exec;

	memcpy(exec->id, id, ID_SIZE);
	exec->dir = path_join(root, id);
	exec->exit_code = -1;
	exec->runner = runner;
	exec->owner = owner;
	list_init(&exec->watches);
	full->events = events;
	return exec;
}

void
exec_leave(struct exec *exec)
{
	if (exec->run)
		exec->runner->free(exec->run);
	exec->run = NULL;
}

void
exec_free(struct exec *exec)
{
	if (exec == NULL)
		return;
	exec_leave(exec);
	while (!list_is_empty(&exec->watches))
		list_unlink(exec->watches.next);
	free(exec->dir);
	free(exec->summary);
	free(exec->key);
	free(exec->fingerprint);
	strv_free(exec->labels);
	free(full_of(exec));
}

bool
exec_is_ended(const struct exec *exec)
{
	return exec_state_is_end(exec->kind);
}

void
exec_describe(struct exec *exec, const struct spec *spec)
{
	exec->created_ns = (uint64_t)spec->created_ns;
	exec->summary = spec_summary(spec);
	exec->key = spec->key ? xstrdup(spec->key) : NULL;
	exec->fingerprint = spec->fingerprint ? xstrdup(spec->fingerprint)
					      : NULL;
	exec->labels = strv_copy(spec->labels);
	exec->has_stdin = spec->stdin_open || spec->tty;
	exec->has_tty = spec->tty;
}

int
exec_open_dir(const struct exec *exec, struct err *err)
{
	int fd = open(exec->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		err_sys(err, "exec %s", exec->id);
		if (err->sys == ENOENT)
			err->code = ERR_NOT_FOUND;
	}
	return fd;
}

void
exec_watch_add(struct exec *exec, struct exec_watch *watch)
{
	list_append(&exec->watches, &watch->link);
}

void
exec_watch_remove(struct exec_watch *watch)
{
	list_unlink(&watch->link);
}

/* The list is taken aside: a watch may come again, or remove others. */
static void
tell_watches(struct exec *exec, const struct err *why)
{
	struct list now;

	list_move(&now, &exec->watches);
	while (!list_is_empty(&now)) {
		struct exec_watch *watch = list_entry(now.next,
						      struct exec_watch, link);

		list_unlink(&watch->link);
		list_append(&exec->watches, &watch->link);
		watch->on_change(watch, why);
	}
}

/* The only writer of `kind'. */
static void
set_state(struct exec *exec, const struct exec_state *state)
{
	if (!exec_state_may_follow(exec->kind, state->kind)) {
		log_warn("exec", "a holder contradicts itself",
			 KV_STR("id", exec->id),
			 KV_STR("was", exec_state_name(exec->kind)),
			 KV_STR("says", exec_state_name(state->kind)));
		return;
	}
	if (exec->kind != state->kind && exec->is_acknowledged)
		log_info("exec", exec_state_name(state->kind),
			 KV_STR("id", exec->id), KV_INT("pid", state->pid),
			 KV_INT("exit_code", state->exit_code));
	exec->kind = state->kind;
	exec->started_ns = state->started_ns;
	exec->finished_ns = state->finished_ns;
	exec->exit_code = state->exit_code;
	exec->signal = state->signal;
	exec->output_open = state->output_open;
	exec->bytes = (uint64_t)(state->stdout_bytes + state->stderr_bytes);
}

/* Take the state over and tell everybody; the exec may be gone afterwards. */
static void
apply(struct exec *exec, const struct exec_state *state)
{
	bool was_ended = exec_is_ended(exec);

	exec->is_acknowledged = true;
	set_state(exec, state);
	if (!was_ended && exec_is_ended(exec))
		full_of(exec)->events->on_end(exec, exec->owner);
	tell_watches(exec, NULL);
}

/* A dead holder's command must not run on with nobody to say so. */
static void
kill_orphan(const struct exec_state *state)
{
	struct proc_id id = { .pid = (pid_t)state->pid,
			      .start = (uint64_t)state->pid_start };

	if (state->boot_id == NULL || !str_eq(state->boot_id, proc_boot_id()) ||
	    !proc_id_alive(&id))
		return;
	/* It leads its own group, so the group's number is still its own. */
	(void)kill(-id.pid, SIGKILL);
	(void)proc_id_signal(&id, SIGKILL);
}

/* The holder died without an end: say so, on disk too. */
static void
declare_lost(struct exec *exec, int dir_fd, struct exec_state *state)
{
	bool rebooted = state->boot_id &&
			!str_eq(state->boot_id, proc_boot_id());
	struct err err = ERR_INIT;

	kill_orphan(state);
	state->kind = EXEC_LOST;
	state->exit_code = -1;
	state->finished_ns = clock_wall_ns();
	free(state->error);
	state->error = xstrdup(rebooted ? "lost: the machine was restarted"
					: "lost: its holder was killed");
	if (exec_state_write(dir_fd, state, true, &err) < 0)
		log_warn("exec", "cannot record a loss", KV_STR("id", exec->id),
			 KV_ERR(&err));
}

/* Was it asked for before the machine was last started? */
static bool
is_of_earlier_boot(const struct exec *exec)
{
	return exec->created_ns < clock_wall_ns() - clock_boot_ns();
}

/* What the directory says, adopted or declared lost if it has not ended. */
static int
settle(struct exec *exec, int dir_fd, struct exec_state *state, struct err *err)
{
	bool has_state = exec_state_read(dir_fd, state, err) == 0;

	if (!has_state && err->code != ERR_NOT_FOUND)
		log_warn("exec", "unreadable state", KV_STR("id", exec->id),
			 KV_ERR(err));
	if (exec_state_is_end(state->kind) && !state->output_open)
		return 0;
	exec->run = exec->runner->adopt(exec->runner, dir_fd, state,
					&run_events, exec);
	if (exec->run)
		return 0;
	/* Its last words may have come between reading and looking. */
	if (exec_state_read(dir_fd, state, err) == 0) {
		if (exec_state_is_end(state->kind))
			return 0;
	} else if (!has_state && err->code == ERR_NOT_FOUND) {
		/*
		 * A holder records itself before it starts anything; but that
		 * record may not have reached the disk before the power went.
		 */
		if (!is_of_earlier_boot(exec))
			return err_set(err, ERR_NOT_FOUND, "never started");
		state->boot_id = xstrdup("");
		state->started_ns = exec->created_ns;
	}
	declare_lost(exec, dir_fd, state);
	return 0;
}

static void
on_state(struct run *run UNUSED, const struct exec_state *state, void *owner)
{
	apply(owner, state);
}

static void
on_input(struct run *run UNUSED, uint64_t taken, bool closed, void *owner)
{
	struct exec *exec = owner;

	exec->in_taken = taken;
	exec->in_closed = closed;
	exec->is_input_known = true;
	exec->n_acks++;
	tell_watches(exec, NULL);
}

/* It is not there: whoever waits hears why, and the entry goes. */
static void
refuse(struct exec *exec, const struct err *err)
{
	log_warn("exec", "gone", KV_STR("id", exec->id), KV_ERR(err));
	exec_leave(exec);
	tell_watches(exec, err);
	full_of(exec)->events->on_refused(exec, exec->owner);
}

static void
on_refused(struct run *run UNUSED, const struct err *err, void *owner)
{
	refuse(owner, err);
}

static void
on_gone(struct run *run UNUSED, void *owner)
{
	struct exec *exec = owner;
	struct exec_state state = EXEC_STATE_INIT;
	struct err err = ERR_INIT;
	AUTO_CLOSE int dir_fd = -1;

	exec_leave(exec);
	/* It had said its last word. */
	if (exec_is_ended(exec) && !exec->output_open) {
		tell_watches(exec, NULL);
		return;
	}
	dir_fd = exec_open_dir(exec, &err);
	if (dir_fd < 0 || settle(exec, dir_fd, &state, &err) < 0) {
		if (exec->is_acknowledged)
			err_set(&err, ERR_NOT_FOUND,
				"the exec's directory was removed");
		else
			err_set(&err, ERR_UNREACHABLE,
				"the holder died before it started anything");
		refuse(exec, &err);
		return;
	}
	apply(exec, &state);
	exec_state_fini(&state);
}

static const struct run_events run_events = {
	.on_state = on_state,
	.on_refused = on_refused,
	.on_input = on_input,
	.on_gone = on_gone,
};

int
exec_start(struct exec *exec, const struct launch *launch, struct err *err)
{
	exec->is_input_known = true;
	exec->run = exec->runner->start(exec->runner, launch, &run_events, exec,
					err);
	return exec->run ? 0 : -1;
}

int
exec_load(struct exec *exec, struct err *err)
{
	struct exec_state state = EXEC_STATE_INIT;
	struct spec spec = SPEC_INIT;
	AUTO_CLOSE int dir_fd = exec_open_dir(exec, err);
	int rc;

	if (dir_fd < 0)
		return -1;
	rc = spec_read(dir_fd, &spec, err);
	if (rc == 0) {
		exec_describe(exec, &spec);
		rc = settle(exec, dir_fd, &state, err);
	}
	if (rc == 0) {
		/* Not news: nothing to log. */
		set_state(exec, &state);
		exec->is_acknowledged = true;
	}
	spec_fini(&spec);
	exec_state_fini(&state);
	return rc;
}
