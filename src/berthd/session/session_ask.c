/* SPDX-License-Identifier: ISC */

/* Requests about sessions; see session_ask.h. */

#include <stdio.h>

#include "berthd/daemon.h"
#include "berthd/reply.h"
#include "berthd/session/session_ask.h"
#include "core/buf.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/strv.h"
#include "http/server.h"
#include "wire/errors.h"

#define MAX_OUT (64u << 20)
#define MAX_OBJECT (8u << 20)

static void
forget_sight(struct session_ask *ask)
{
	tmux_list_fini(&ask->list);
	record_fini(&ask->record);
	ask->session = (struct session){ NULL, NULL };
}

static void
ask_free(struct session_ask *ask)
{
	list_unlink(&ask->link);
	if (ask->fini)
		ask->fini(ask);
	forget_sight(ask);
	buf_fini(&ask->out);
	free(ask);
}

static void
on_exchange_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct session_ask *ask = owner;

	ask->x = NULL;
	if (!ask->is_busy)
		ask_free(ask);
	else if (ask->on_gone)
		ask->on_gone(ask);
}

struct session_ask *
session_ask_new(struct daemon *daemon, struct http_exchange *x,
		const char *name)
{
	struct err err = ERR_INIT;
	struct session_ask *ask;

	if ((name && tmux_name_check(name, &err) < 0) ||
	    sessions_open(daemon->sessions, &err) < 0) {
		reply_error(x, &err);
		return NULL;
	}
	ask = xcalloc(1, sizeof(*ask));
	ask->sessions = daemon->sessions;
	ask->x = x;
	ask->is_busy = true;
	buf_init(&ask->out, MAX_OUT);
	if (name)
		snprintf(ask->name, sizeof(ask->name), "%s", name);
	list_append(&ask->sessions->asks, &ask->link);
	http_exchange_own(x, ask, on_exchange_gone);
	return ask;
}

void
session_ask_end(struct session_ask *ask)
{
	ask->is_busy = false;
	if (ask->x == NULL)
		ask_free(ask);
}

void
session_ask_fail(struct session_ask *ask, const struct err *err)
{
	if (ask->x)
		reply_error(ask->x, err);
	session_ask_end(ask);
}

void
session_ask_reply(struct session_ask *ask, struct buf *json)
{
	if (ask->x)
		reply_json(ask->x, json);
	session_ask_end(ask);
}

void
session_ask_ok(struct session_ask *ask)
{
	AUTO_BUF text = BUF_INIT(64);

	(void)buf_adds(&text, "{\"ok\":true}");
	session_ask_reply(ask, &text);
}

void
session_ask_show(struct session_ask *ask, const char *flag, bool value)
{
	AUTO_BUF text = BUF_INIT(MAX_OBJECT);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	session_json(&ask->session, &ask->list, &w);
	if (flag)
		jsonw_bool(&w, flag, value);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	session_ask_reply(ask, &text);
}

static void
on_call_end(const struct buf *out, const struct err *err, void *owner)
{
	struct session_ask *ask = owner;

	buf_clear(&ask->out);
	(void)buf_add(&ask->out, buf_bytes(out), out->len);
	ask->failed = err ? *err : (struct err)ERR_INIT;
	ask->next(ask);
}

void
session_ask_call(struct session_ask *ask, char *const *argv,
		 session_step_fn *next)
{
	ask->next = next;
	call_start(&ask->sessions->calls, argv, on_call_end, ask);
}

void
session_ask_read_record(struct session_ask *ask)
{
	const struct tmux_session *live = ask->session.live;
	struct err none = ERR_INIT;

	ask->session.record = NULL;
	record_fini(&ask->record);
	if (record_read(ask->sessions->dir, ask->name, &ask->record, &none) ==
		0 &&
	    (live == NULL || session_is_of(&ask->record, live)))
		ask->session.record = &ask->record;
}

static void
on_look_end(const struct buf *out, const struct err *err, void *owner)
{
	struct session_ask *ask = owner;

	if (err && (err->code != ERR_REMOTE || !tmux_is_no_server(err->msg))) {
		struct err why = *err;

		err_wrap(&why, "tmux");
		session_ask_fail(ask, &why);
		return;
	}
	forget_sight(ask);
	if (err == NULL)
		tmux_list_parse(buf_bytes(out), out->len, &ask->list);
	ask->session.live = tmux_list_find(&ask->list, ask->name);
	if (ask->name[0])
		session_ask_read_record(ask);
	ask->next(ask);
}

void
session_ask_look(struct session_ask *ask, session_step_fn *next)
{
	AUTO_STRV char **argv = tmux_list_argv(&ask->sessions->tmux);

	ask->next = next;
	call_start(&ask->sessions->calls, argv, on_look_end, ask);
}

int
session_ask_exists(const struct session_ask *ask, struct err *err)
{
	if (ask->session.live || ask->session.record)
		return 0;
	err_set(err, ERR_NOT_FOUND, "no session is called %s", ask->name);
	return err_hint(err, "'berth session ls' shows those there are");
}

int
session_ask_runs(const struct session_ask *ask, struct err *err)
{
	const struct tmux_session *live = ask->session.live;

	if (session_ask_exists(ask, err) < 0)
		return -1;
	switch (session_end(&ask->session)) {
	case SESSION_RUNS:
		return 0;
	case SESSION_EXITED:
		err_set(err, ERR_CONFLICT,
			"session %s has ended with exit status %lld", ask->name,
			(long long)live->status);
		break;
	case SESSION_SIGNALLED:
		err_set(err, ERR_CONFLICT,
			"session %s was ended by signal %lld", ask->name,
			(long long)live->signal);
		break;
	case SESSION_REBOOTED:
		err_set(err, ERR_CONFLICT,
			"session %s ended when the machine did", ask->name);
		break;
	case SESSION_LOST:
		err_set(err, ERR_CONFLICT,
			"session %s ended with its tmux server", ask->name);
		break;
	}
	return err_hint(err, "'berth session new %s' starts it anew",
			ask->name);
}

char *
session_ask_target(const struct session_ask *ask)
{
	return xasprintf("=%s:", ask->name);
}

void
session_asks_drop(struct sessions *sessions)
{
	struct session_ask *ask;

	list_for_each (ask, &sessions->asks, link) {
		if (ask->x)
			http_exchange_own(ask->x, NULL, NULL);
		ask_free(ask);
	}
}
