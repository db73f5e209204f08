/* SPDX-License-Identifier: ISC */

/*
 * Attached viewers; see attach.h and session_api.h.
 *
 * A viewer is a client of tmux on a terminal of ours, and a connection that
 * carries what passes through the terminal.  A full connection stops the
 * reading of the terminal, on which tmux drops what the viewer would not see
 * any more and redraws; a full terminal stops the reading of the connection.
 *
 * The end is tmux's: its client leaves the terminal as it found it and ends,
 * whoever wanted that.  Then the server is asked why, that is said, and the
 * connection closes.  A viewer whose connection breaks takes its client along.
 *
 * Nothing is read from the connection before the client has written something:
 * until then the terminal would echo keys, and take Ctrl-C for a signal.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/daemon.h"
#include "berthd/exec/command.h"
#include "berthd/reply.h"
#include "berthd/session/attach.h"
#include "berthd/session/carrier.h"
#include "berthd/session/child.h"
#include "berthd/session/session_api.h"
#include "berthd/session/session_ask.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/strv.h"
#include "core/text.h"
#include "http/server.h"
#include "http/stream.h"

#define MAX_SAID 4096
#define MAX_SIZE 10000

#define DEFAULT_COLS 80
#define DEFAULT_ROWS 24

/* What a request asks for, and what tmux is then told. */
struct wish {
	char *term, *colorterm;
	uint64_t cols, rows;
	bool is_utf8, is_read_only, is_alone;
	bool ignores_size;
};

struct viewer {
	struct list link;
	struct sessions *sessions;
	char name[TMUX_NAME_MAX + 1];
	bool is_read_only;
	struct carrier carrier;
	bool has_carrier;
	struct stream *pty; /* NULL: at its end */
	struct child client;
	bool has_ended;	  /* the client */
	bool has_output;  /* the client has the terminal in hand */
	bool is_left;	  /* the viewer asked to leave */
	bool is_replaced; /* another one wanted to be alone */
	bool is_asking;	  /* a call is under way */
	bool is_dropped;
	unsigned n_handles;
	struct tmux_list list;
};

/* Teardown */

static void
maybe_free(struct viewer *v)
{
	if (v->n_handles > 0 || v->is_asking || v->has_carrier)
		return;
	carrier_fini(&v->carrier);
	tmux_list_fini(&v->list);
	free(v);
}

static void
on_client_closed(struct child *client)
{
	struct viewer *v = container_of(client, struct viewer, client);

	v->n_handles--;
	maybe_free(v);
}

/* Nothing is done for it any more. */
static void
drop(struct viewer *v)
{
	if (v->is_dropped)
		return;
	v->is_dropped = true;
	list_unlink(&v->link);
	stream_close(v->pty);
	v->pty = NULL;
	child_close(&v->client);
}

static void
on_gone(void *owner)
{
	struct viewer *v = owner;

	v->has_carrier = false;
	drop(v);
	maybe_free(v);
}

void
attach_drop_all(struct sessions *sessions)
{
	struct viewer *v;

	list_for_each (v, &sessions->viewers, link) {
		v->is_asking = false;
		carrier_close(&v->carrier);
		v->has_carrier = false;
		drop(v);
		/* Freed when its handle is closed, in the loop. */
	}
}

/* The end */

static const char *
find_reason(const struct viewer *v, const struct tmux_session *live)
{
	if (live == NULL)
		return "killed";
	if (live->is_dead)
		return "ended";
	if (v->is_replaced)
		return "replaced";
	if (v->is_left ||
	    (WIFEXITED(v->client.status) && WEXITSTATUS(v->client.status) == 0))
		return "detached";
	return "failed";
}

static void
say_end(struct viewer *v, const char *reason, const struct tmux_session *live)
{
	AUTO_BUF text = BUF_INIT(MAX_SAID);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "type", "exit");
	jsonw_str(&w, "reason", reason);
	if (live && live->is_dead && live->signal > 0)
		jsonw_int(&w, "signal", live->signal);
	else if (live && live->is_dead && live->status >= 0)
		jsonw_int(&w, "exit_code", live->status);
	jsonw_object_end(&w);
	log_info("session", "viewer left", KV_STR("name", v->name),
		 KV_STR("reason", reason));
	carrier_finish(&v->carrier, buf_bytes(&text), text.len);
}

static void
on_looked(const struct buf *out, const struct err *err, void *owner)
{
	struct viewer *v = owner;
	const struct tmux_session *live;

	v->is_asking = false;
	if (!v->has_carrier) {
		maybe_free(v);
		return;
	}
	if (err) {
		say_end(v, tmux_is_no_server(err->msg) ? "lost" : "failed",
			NULL);
		return;
	}
	tmux_list_parse(buf_bytes(out), out->len, &v->list);
	live = tmux_list_find(&v->list, v->name);
	say_end(v, find_reason(v, live), live);
}

static void
maybe_end(struct viewer *v)
{
	AUTO_STRV char **argv = NULL;

	if (!v->has_ended || v->pty || v->is_asking)
		return;
	argv = tmux_list_argv(&v->sessions->tmux);
	v->is_asking = true;
	call_start(&v->sessions->calls, argv, on_looked, v);
}

static void
on_client_end(struct child *client)
{
	struct viewer *v = container_of(client, struct viewer, client);

	v->has_ended = true;
	maybe_end(v);
}

/* The terminal */

static void
on_pty_data(struct stream *pty, const void *bytes, size_t n, void *owner)
{
	struct viewer *v = owner;

	if (!v->has_output) {
		v->has_output = true;
		carrier_resume(&v->carrier);
	}
	if (carrier_output(&v->carrier, bytes, n))
		stream_pause(pty);
}

static void
on_pty_end(struct stream *pty, const struct err *err UNUSED, void *owner)
{
	struct viewer *v = owner;

	v->pty = NULL;
	stream_close(pty);
	maybe_end(v);
}

static void
on_pty_drain(struct stream *pty UNUSED, void *owner)
{
	struct viewer *v = owner;

	carrier_resume(&v->carrier);
}

/* The connection */

static void
on_drain(void *owner)
{
	struct viewer *v = owner;

	if (v->pty)
		stream_resume(v->pty);
}

static void
on_input(void *owner, const void *bytes, size_t n)
{
	struct viewer *v = owner;

	if (v->is_read_only || v->pty == NULL)
		return;
	if (stream_write(v->pty, bytes, n))
		carrier_pause(&v->carrier);
}

static void
on_resize(void *owner, uint64_t cols, uint64_t rows)
{
	struct viewer *v = owner;

	if (v->pty)
		command_resize(stream_fd(v->pty), (unsigned)cols,
			       (unsigned)rows);
}

static void
on_asked_to_leave(const struct buf *out UNUSED, const struct err *err UNUSED,
		  void *owner UNUSED)
{
}

/* As the key would do it: tmux restores the terminal, and its client ends. */
static void
on_detach(void *owner)
{
	struct viewer *v = owner;
	char tty[64];
	const char *const words[] = { "detach-client", "-t", tty, NULL };
	AUTO_STRV char **argv = NULL;

	v->is_left = true;
	if (v->pty == NULL ||
	    ptsname_r(stream_fd(v->pty), tty, sizeof(tty)) != 0)
		return;
	argv = tmux_argv(&v->sessions->tmux, words);
	call_start(&v->sessions->calls, argv, on_asked_to_leave, NULL);
}

/* Coming up */

static void
wish_fini(struct wish *wish)
{
	free(wish->term);
	free(wish->colorterm);
}

static int
read_size(const struct http_head *head, const char *name, uint64_t *ret,
	  struct err *err)
{
	AUTO_FREE char *text = http_head_query(head, name);

	if (text && parse_u64(text, 1, MAX_SIZE, ret, err) < 0)
		return err_wrap(err, "%s", name);
	return 0;
}

static bool
is_set(const struct http_head *head, const char *name)
{
	AUTO_FREE char *text = http_head_query(head, name);

	return text && (str_eq(text, "true") || str_eq(text, "1"));
}

static int
read_wish(const struct http_head *head, struct wish *wish, struct err *err)
{
	AUTO_FREE char *size = http_head_query(head, "size");

	wish->cols = DEFAULT_COLS;
	wish->rows = DEFAULT_ROWS;
	wish->term = http_head_query(head, "term");
	wish->colorterm = http_head_query(head, "colorterm");
	wish->is_utf8 = is_set(head, "utf8");
	wish->is_read_only = is_set(head, "read_only");
	wish->is_alone = is_set(head, "alone");
	/* Who only looks does not make it smaller for those who work. */
	wish->ignores_size = size ? str_eq(size, "ignore") : wish->is_read_only;
	if (size && !wish->ignores_size && !str_eq(size, "follow"))
		return err_set(err, ERR_INVALID,
			       "size: \"%.32s\" is neither follow nor ignore",
			       size);
	if (read_size(head, "cols", &wish->cols, err) < 0)
		return -1;
	return read_size(head, "rows", &wish->rows, err);
}

static int
start_client(struct sessions *s, const char *name, const struct wish *wish,
	     struct command *ret, struct err *err)
{
	struct tmux_view view = { .name = name,
				  .term = wish->term,
				  .colorterm = wish->colorterm,
				  .is_utf8 = wish->is_utf8,
				  .is_read_only = wish->is_read_only,
				  .ignores_size = wish->ignores_size,
				  .is_alone = wish->is_alone };
	AUTO_STRV char **argv = tmux_attach_argv(&s->tmux, &view);
	AUTO_STRV char **env = tmux_view_env(&s->tmux, &view);
	struct command_config config = { .argv = argv,
					 .env = env,
					 .cwd = "/",
					 .tty = true,
					 .cols = (unsigned)wish->cols,
					 .rows = (unsigned)wish->rows,
					 .cgroup_fd = -1 };

	return command_start(&config, ret, err);
}

static void
mark_replaced(struct sessions *s, const char *name)
{
	struct viewer *v;

	list_for_each (v, &s->viewers, link)
		v->is_replaced |= str_eq(v->name, name);
}

static void
say_start(struct viewer *v, const struct wish *wish)
{
	AUTO_BUF text = BUF_INIT(MAX_SAID);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "type", "start");
	jsonw_str(&w, "session", v->name);
	jsonw_bool(&w, "read_only", wish->is_read_only);
	jsonw_str(&w, "size", wish->ignores_size ? "ignore" : "follow");
	jsonw_object_end(&w);
	carrier_start(&v->carrier, buf_bytes(&text), text.len);
}

static struct viewer *
viewer_new(struct sessions *s, const char *name, const struct command *command,
	   struct err *err)
{
	static const struct stream_events events = { .on_data = on_pty_data,
						     .on_end = on_pty_end,
						     .on_drain = on_pty_drain };
	struct viewer *v = xcalloc(1, sizeof(*v));

	v->sessions = s;
	snprintf(v->name, sizeof(v->name), "%s", name);
	list_init(&v->link);
	v->client = (struct child){ .pid = command->pid,
				    .is_ours = true,
				    .pidfd = -1,
				    .on_end = on_client_end,
				    .on_closed = on_client_closed };
	v->pty = stream_new(s->loop, command->out_fd, command->in_fd, &events,
			    v, err);
	if (v->pty == NULL) {
		free(v);
		return NULL;
	}
	if (!child_watch(&v->client, s->loop)) {
		stream_close(v->pty);
		free(v);
		err_sys(err, "watch the client of tmux");
		return NULL;
	}
	v->n_handles = 1;
	return v;
}

static void
attach(struct session_ask *ask, const struct wish *wish)
{
	static const struct carrier_events events = { .on_input = on_input,
						      .on_resize = on_resize,
						      .on_detach = on_detach,
						      .on_drain = on_drain,
						      .on_gone = on_gone };
	struct sessions *s = ask->sessions;
	struct err err = ERR_INIT;
	struct command command;
	struct viewer *v = NULL;

	if (start_client(s, ask->name, wish, &command, &err) == 0) {
		v = viewer_new(s, ask->name, &command, &err);
		if (v == NULL) {
			(void)kill(command.pid, SIGKILL);
			(void)waitpid(command.pid, NULL, 0);
		}
	}
	if (v == NULL) {
		session_ask_fail(ask, &err);
		return;
	}
	if (wish->is_alone)
		mark_replaced(s, ask->name);
	list_append(&s->viewers, &v->link);
	v->is_read_only = wish->is_read_only;
	carrier_open(&v->carrier, ask->x, &events, v);
	v->has_carrier = true;
	ask->x = NULL;
	say_start(v, wish);
	stream_resume(v->pty);
	log_info("session", "viewer came", KV_STR("name", v->name));
	session_ask_end(ask);
}

static void
on_session(struct session_ask *ask)
{
	struct err err = ERR_INIT;

	if (ask->x == NULL)
		session_ask_end(ask);
	else if (session_ask_runs(ask, &err) < 0)
		session_ask_fail(ask, &err);
	else
		attach(ask, ask->own);
}

static void
wish_free(struct session_ask *ask)
{
	wish_fini(ask->own);
	free(ask->own);
}

void
session_api_attach(struct daemon *daemon, struct http_exchange *x,
		   const char *name)
{
	struct wish wish = { .term = NULL };
	struct err err = ERR_INIT;
	struct session_ask *ask = NULL;

	if (!carrier_is_wanted(x))
		err_set(&err, ERR_INVALID,
			"ask with Upgrade: " DUPLEX_PROTOCOL " or websocket");
	else
		(void)read_wish(http_exchange_head(x), &wish, &err);
	if (err.code == ERR_NONE)
		ask = session_ask_new(daemon, x, name);
	else
		reply_error(x, &err);
	if (ask == NULL) {
		wish_fini(&wish);
		return;
	}
	ask->own = xmalloc(sizeof(wish));
	memcpy(ask->own, &wish, sizeof(wish));
	ask->fini = wish_free;
	session_ask_look(ask, on_session);
}
