/* SPDX-License-Identifier: ISC */

/*
 * Waiting for a session; see session_api.h.
 *
 * Output is an event: a client of tmux in control mode is told of all of it,
 * and what it is told is only taken as "something came".  The screen is looked
 * at then, not more often than every LOOK_MS, and the end of the agent comes
 * from the kernel.
 */

#include <string.h>
#include <signal.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/exec/command.h"
#include "berthd/exec/log_match.h"
#include "berthd/reply.h"
#include "berthd/session/child.h"
#include "berthd/session/session_api.h"
#include "berthd/session/session_ask.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/strv.h"
#include "core/text.h"
#include "http/server.h"
#include "wire/errors.h"

#define DEFAULT_QUIET_MS 1000
#define MAX_WAIT_MS 3600000
#define MAX_OBJECT (8u << 20)

/* A screen is looked at so often while it changes. */
#define LOOK_MS 50

/* tmux tells of an end a moment after the kernel did. */
#define TELL_MS 20
#define MAX_TELLS 50

enum goal { UNTIL_SETTLED, UNTIL_MATCH, UNTIL_END };

struct waiting {
	struct session_ask *ask;
	enum goal goal;
	struct log_match *match;
	uint64_t quiet_ms, timeout_ms;
	const char *outcome;
	bool is_looking; /* a call is under way */
	bool is_stale;	 /* something came since it began */
	unsigned n_tells;
	struct child agent;
	struct child control;
	int control_in, control_out;
	uv_poll_t watch;
	bool has_watch;
	uv_timer_t quiet;    /* until settled, or until the next look */
	uv_timer_t deadline; /* of all */
	unsigned n_handles;
};

static void
on_handle_closed(struct waiting *w)
{
	if (--w->n_handles > 0)
		return;
	log_match_free(w->match);
	free(w);
}

static void
on_agent_closed(struct child *child)
{
	on_handle_closed(container_of(child, struct waiting, agent));
}

static void
on_control_closed(struct child *child)
{
	on_handle_closed(container_of(child, struct waiting, control));
}

static void
on_watch_closed(uv_handle_t *handle)
{
	on_handle_closed(
	    container_of((uv_poll_t *)handle, struct waiting, watch));
}

static void
on_quiet_closed(uv_handle_t *handle)
{
	on_handle_closed(
	    container_of((uv_timer_t *)handle, struct waiting, quiet));
}

static void
on_deadline_closed(uv_handle_t *handle)
{
	on_handle_closed(
	    container_of((uv_timer_t *)handle, struct waiting, deadline));
}

/* No event follows but the end of a call that is under way. */
static void
stop(struct waiting *w)
{
	(void)uv_timer_stop(&w->quiet);
	(void)uv_timer_stop(&w->deadline);
	if (w->has_watch)
		(void)uv_poll_stop(&w->watch);
}

static void
waiting_free(struct session_ask *ask)
{
	struct waiting *w = ask->own;

	stop(w);
	child_close(&w->agent);
	child_close(&w->control);
	if (w->control_in >= 0)
		close(w->control_in);
	if (w->control_out >= 0)
		close(w->control_out);
	if (w->has_watch)
		uv_close((uv_handle_t *)&w->watch, on_watch_closed);
	uv_close((uv_handle_t *)&w->quiet, on_quiet_closed);
	uv_close((uv_handle_t *)&w->deadline, on_deadline_closed);
}

/* The answer: how it came out, and the session. */

static void
answer(struct session_ask *ask)
{
	struct waiting *w = ask->own;
	AUTO_BUF text = BUF_INIT(MAX_OBJECT);
	struct jsonw out = JSONW_INIT(&text);
	struct err err = ERR_INIT;

	if (session_ask_exists(ask, &err) < 0) {
		session_ask_fail(ask, &err);
		return;
	}
	jsonw_object(&out, NULL);
	jsonw_str(&out, "outcome", w->outcome);
	session_json(&ask->session, NULL, &out);
	jsonw_int(&out, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&out);
	session_ask_reply(ask, &text);
}

static void on_looked_at_end(struct session_ask *ask);

static void
on_tell(uv_timer_t *timer)
{
	struct waiting *w = container_of(timer, struct waiting, quiet);

	session_ask_look(w->ask, on_looked_at_end);
}

static void
on_looked_at_end(struct session_ask *ask)
{
	struct waiting *w = ask->own;

	if (ask->session.live && !tmux_session_is_told(ask->session.live) &&
	    w->n_tells++ < MAX_TELLS)
		(void)uv_timer_start(&w->quiet, on_tell, TELL_MS, 0);
	else
		answer(ask);
}

/* Nothing else comes any more; a call that is under way is let end first. */
static void
conclude(struct waiting *w, const char *outcome)
{
	if (w->outcome)
		return;
	w->outcome = outcome;
	stop(w);
	if (w->is_looking)
		return;
	session_ask_look(w->ask,
			 str_eq(outcome, "ended") ? on_looked_at_end : answer);
}

static void
on_agent_end(struct child *child)
{
	conclude(container_of(child, struct waiting, agent), "ended");
}

static void
on_deadline(uv_timer_t *timer)
{
	conclude(container_of(timer, struct waiting, deadline), "timeout");
}

/* The client left: nothing has to be waited for. */
static void
on_gone(struct session_ask *ask)
{
	struct waiting *w = ask->own;

	if (w->outcome)
		return;
	w->outcome = "gone";
	stop(w);
	if (!w->is_looking)
		session_ask_end(ask);
}

/* Looking at the screen */

static bool
does_match(struct waiting *w, const struct buf *screen)
{
	const uint8_t *at = buf_bytes(screen), *end = at + screen->len;

	while (at < end) {
		const uint8_t *stop_at = memchr(at, '\n', (size_t)(end - at));

		if (stop_at == NULL)
			stop_at = end;
		if (log_match_line(w->match, at, (size_t)(stop_at - at)))
			return true;
		at = stop_at + 1;
	}
	return false;
}

static void look(struct waiting *w);

static void
on_screen(struct session_ask *ask)
{
	struct waiting *w = ask->own;
	const char *outcome = w->outcome;

	w->is_looking = false;
	if (outcome && str_eq(outcome, "gone")) {
		session_ask_end(ask);
		return;
	}
	if (ask->failed.code == ERR_NONE && does_match(w, &ask->out))
		outcome = "matched";
	w->outcome = NULL;
	if (outcome)
		conclude(w, outcome);
	else if (w->is_stale)
		look(w);
}

static void
on_look_time(uv_timer_t *timer)
{
	struct waiting *w = container_of(timer, struct waiting, quiet);
	AUTO_FREE char *target = session_ask_target(w->ask);
	const char *const words[] = { "capture-pane", "-p",   "-J",
				      "-t",	      target, NULL };
	AUTO_STRV char **argv = tmux_argv(&w->ask->sessions->tmux, words);

	w->is_looking = true;
	w->is_stale = false;
	session_ask_call(w->ask, argv, on_screen);
}

static void
look(struct waiting *w)
{
	if (!uv_is_active((uv_handle_t *)&w->quiet))
		(void)uv_timer_start(&w->quiet, on_look_time, LOOK_MS, 0);
}

static void
on_quiet(uv_timer_t *timer)
{
	conclude(container_of(timer, struct waiting, quiet), "settled");
}

static void
on_activity(struct waiting *w)
{
	if (w->goal == UNTIL_SETTLED)
		(void)uv_timer_start(&w->quiet, on_quiet, w->quiet_ms, 0);
	else if (w->goal == UNTIL_MATCH && w->is_looking)
		w->is_stale = true;
	else if (w->goal == UNTIL_MATCH)
		look(w);
}

static void
on_control_output(uv_poll_t *watch, int status UNUSED, int events UNUSED)
{
	struct waiting *w = container_of(watch, struct waiting, watch);
	char bytes[16384];
	ssize_t n = read(w->control_out, bytes, sizeof(bytes));

	if (n > 0) {
		on_activity(w);
	} else if (n == 0) {
		(void)uv_poll_stop(watch);
		/* Detached or without a server: the agent's own end decides. */
		if (!w->agent.is_open || w->agent.has_ended)
			conclude(w, "ended");
	}
}

static void
on_control_end(struct child *child UNUSED)
{
}

static int
watch_output(struct waiting *w, struct err *err)
{
	const struct sessions *s = w->ask->sessions;
	AUTO_FREE char *target = xasprintf("=%s", w->ask->name);
	const char *const words[] = { "-C", "attach-session", "-r",
				      "-t", target,	      NULL };
	AUTO_STRV char **argv = tmux_argv(&s->tmux, words);
	struct command_config config = { .argv = argv,
					 .env = s->tmux.env,
					 .cwd = "/",
					 .stdin_pipe = true,
					 .cgroup_fd = -1 };
	struct command command;

	if (command_start(&config, &command, err) < 0)
		return -1;
	w->control.pid = command.pid;
	w->control_in = command.in_fd;
	w->control_out = command.out_fd;
	close(command.err_fd);
	fd_set_nonblock(command.out_fd);
	if (child_watch(&w->control, s->loop))
		w->n_handles++;
	(void)uv_poll_init(s->loop, &w->watch, w->control_out);
	w->has_watch = true;
	w->n_handles++;
	(void)uv_poll_start(&w->watch, UV_READABLE, on_control_output);
	return 0;
}

static void
on_looked(struct session_ask *ask)
{
	struct waiting *w = ask->own;
	struct err err = ERR_INIT;

	if (session_ask_exists(ask, &err) < 0) {
		session_ask_fail(ask, &err);
		return;
	}
	if (session_end(&ask->session) != SESSION_RUNS) {
		w->outcome = "ended";
		answer(ask);
		return;
	}
	if (ask->x == NULL) {
		session_ask_end(ask);
		return;
	}
	w->agent.pid = (pid_t)ask->session.live->pid;
	if (child_watch(&w->agent, ask->sessions->loop))
		w->n_handles++;
	else
		conclude(w, "ended");
	if (w->outcome == NULL && w->goal != UNTIL_END &&
	    watch_output(w, &err) < 0) {
		stop(w);
		session_ask_fail(ask, &err);
		return;
	}
	if (w->outcome)
		return;
	ask->on_gone = on_gone;
	(void)uv_timer_start(&w->deadline, on_deadline, w->timeout_ms, 0);
	on_activity(w);
}

/* The request */

static int
read_query(const struct http_head *head, struct waiting *w, struct err *err)
{
	AUTO_FREE char *until = http_head_query(head, "until");
	AUTO_FREE char *pattern = http_head_query(head, "pattern");
	AUTO_FREE char *regex = http_head_query(head, "regex");
	AUTO_FREE char *quiet = http_head_query(head, "quiet");
	AUTO_FREE char *timeout = http_head_query(head, "timeout");

	if (until == NULL && (pattern || regex))
		w->goal = UNTIL_MATCH;
	else if (until == NULL || str_eq(until, "settled"))
		w->goal = UNTIL_SETTLED;
	else if (str_eq(until, "ended"))
		w->goal = UNTIL_END;
	else if (str_eq(until, "match"))
		w->goal = UNTIL_MATCH;
	else
		return err_set(err, ERR_INVALID,
			       "until: \"%.32s\" is none of settled, match, "
			       "ended",
			       until);
	if ((w->goal == UNTIL_MATCH) != ((pattern != NULL) != (regex != NULL)))
		return err_set(err, ERR_INVALID,
			       "pattern or regex, and one of them only, "
			       "belongs to until=match");
	if (quiet && parse_duration(quiet, &w->quiet_ms, err) < 0)
		return err_wrap(err, "quiet");
	if (timeout && parse_duration(timeout, &w->timeout_ms, err) < 0)
		return err_wrap(err, "timeout");
	w->timeout_ms = MIN(w->timeout_ms, MAX_WAIT_MS);
	if (w->goal == UNTIL_MATCH)
		w->match = log_match_new(pattern ? pattern : regex,
					 regex != NULL, err);
	return w->goal != UNTIL_MATCH || w->match ? 0 : -1;
}

void
session_api_wait(struct daemon *daemon, struct http_exchange *x,
		 const char *name)
{
	struct waiting query = { .quiet_ms = DEFAULT_QUIET_MS,
				 .timeout_ms = MAX_WAIT_MS };
	struct err err = ERR_INIT;
	struct session_ask *ask;
	struct waiting *w;

	if (read_query(http_exchange_head(x), &query, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	ask = session_ask_new(daemon, x, name);
	if (ask == NULL) {
		log_match_free(query.match);
		return;
	}
	w = xmalloc(sizeof(*w));
	*w = query;
	w->ask = ask;
	w->control_in = w->control_out = -1;
	w->agent = (struct child){ .pidfd = -1,
				   .on_end = on_agent_end,
				   .on_closed = on_agent_closed };
	w->control = (struct child){ .pidfd = -1,
				     .is_ours = true,
				     .on_end = on_control_end,
				     .on_closed = on_control_closed };
	(void)uv_timer_init(ask->sessions->loop, &w->quiet);
	(void)uv_timer_init(ask->sessions->loop, &w->deadline);
	w->n_handles = 2;
	ask->own = w;
	ask->fini = waiting_free;
	session_ask_look(ask, on_looked);
}
