/* SPDX-License-Identifier: ISC */

/* Sessions; see session.h. */

#include <stdlib.h>
#include <unistd.h>

#include "berthd/config.h"
#include "berthd/session/attach.h"
#include "berthd/session/reaper.h"
#include "berthd/session/session.h"
#include "berthd/session/session_ask.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/text.h"
#include "wire/errors.h"
#include "wire/places.h"

/* From the creation as tmux saw it until it was recorded. */
#define MAX_SKEW_S 15

static const char *const ends[] = {
	[SESSION_RUNS] = NULL,
	[SESSION_EXITED] = "exited",
	[SESSION_SIGNALLED] = "signalled",
	[SESSION_LOST] = "lost",
	[SESSION_REBOOTED] = "rebooted",
};

struct sessions *
sessions_new(const struct sessions_config *config)
{
	struct sessions *s = xcalloc(1, sizeof(*s));

	s->loop = config->loop;
	s->config = config->config;
	s->places = config->places;
	s->roots = config->roots;
	s->dir = path_join(config->places->state, "session");
	list_init(&s->asks);
	list_init(&s->viewers);
	calls_init(&s->calls, s->loop, NULL);
	s->reaper = reaper_new(s);
	return s;
}

void
sessions_free(struct sessions *s)
{
	if (s == NULL)
		return;
	attach_drop_all(s);
	calls_fini(&s->calls);
	reaper_free(s->reaper);
	session_asks_drop(s);
	tmux_fini(&s->tmux);
	free(s->dir);
	free(s);
}

int
sessions_open(struct sessions *s, struct err *err)
{
	/* The runtime directory may have gone with the last login. */
	if (s->is_open && access(s->tmux.conf, R_OK) == 0)
		return 0;
	if (s->is_open && !list_is_empty(&s->calls.list))
		return err_set(err, ERR_UNREACHABLE, "%s is gone; ask again",
			       s->tmux.dir);
	tmux_fini(&s->tmux);
	s->is_open = false;
	if (tmux_open(&s->tmux, s->places, environ, err) < 0)
		return -1;
	s->calls.env = s->tmux.env;
	s->is_open = true;
	return 0;
}

bool
session_is_of(const struct record *record, const struct tmux_session *live)
{
	int64_t created = record->created_ns / (int64_t)NS_PER_S;

	if (record->server != live->server ||
	    !str_eq(record->boot_id ? record->boot_id : "", proc_boot_id()))
		return false;
	/* tmux counts seconds, in which one may end and another begin. */
	if (record->agent > 0 && live->pid > 0)
		return record->agent == live->pid;
	return created >= live->created &&
	       created - live->created <= MAX_SKEW_S;
}

const char *
session_name(const struct session *session)
{
	return session->live ? session->live->name : session->record->name;
}

enum session_end
session_end(const struct session *session)
{
	const struct record *record = session->record;

	if (session->live && !session->live->is_dead)
		return SESSION_RUNS;
	if (session->live)
		return session->live->signal > 0 ? SESSION_SIGNALLED
						 : SESSION_EXITED;
	if (record->boot_id && !str_eq(record->boot_id, proc_boot_id()))
		return SESSION_REBOOTED;
	return SESSION_LOST;
}

static void
add_live(const struct tmux_session *live, struct jsonw *w)
{
	jsonw_int(w, "pid", live->pid);
	jsonw_u64(w, "cols", live->cols);
	jsonw_u64(w, "rows", live->rows);
	jsonw_u64(w, "viewers", live->n_viewers);
	jsonw_u64(w, "history", live->history);
	jsonw_str(w, "title", live->title);
	jsonw_time(w, "active_at", (uint64_t)live->activity * NS_PER_S);
	if (!live->is_dead)
		return;
	if (live->status >= 0 && live->signal == 0)
		jsonw_int(w, "exit_code", live->status);
	if (live->signal > 0)
		jsonw_int(w, "signal", live->signal);
	if (live->ended > 0)
		jsonw_time(w, "ended_at", (uint64_t)live->ended * NS_PER_S);
}

static void
add_viewers(const char *name, const struct tmux_list *list, struct jsonw *w)
{
	jsonw_array(w, "clients");
	for (size_t i = 0; i < list->n_viewers; i++) {
		const struct tmux_viewer *v = &list->viewers[i];

		if (!str_eq(v->name, name))
			continue;
		jsonw_object(w, NULL);
		jsonw_u64(w, "cols", v->cols);
		jsonw_u64(w, "rows", v->rows);
		jsonw_bool(w, "read_only", v->is_read_only);
		jsonw_time(w, "since", (uint64_t)v->created * NS_PER_S);
		jsonw_str(w, "term", v->term);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void
session_json(const struct session *session, const struct tmux_list *list,
	     struct jsonw *w)
{
	enum session_end end = session_end(session);
	const struct record *record = session->record;

	jsonw_str(w, "name", session_name(session));
	jsonw_str(w, "state", end == SESSION_RUNS ? "running" : "ended");
	jsonw_str(w, "reason", ends[end]);
	jsonw_time(w, "created_at",
		   session->live ? (uint64_t)session->live->created * NS_PER_S
				 : (uint64_t)record->created_ns);
	jsonw_str(w, "profile", record ? record->profile : NULL);
	if (record) {
		jsonw_strv(w, "argv", record->argv);
		jsonw_str(w, "cwd", record->cwd);
	}
	if (session->live)
		add_live(session->live, w);
	if (list)
		add_viewers(session_name(session), list, w);
}

static const struct record *
find_record(const struct records *records, const struct tmux_session *live)
{
	for (size_t i = 0; i < records->n; i++) {
		if (str_eq(records->items[i].name, live->name) &&
		    session_is_of(&records->items[i], live))
			return &records->items[i];
	}
	return NULL;
}

static void
add_one(const struct session *session, struct jsonw *w)
{
	jsonw_object(w, NULL);
	session_json(session, NULL, w);
	jsonw_object_end(w);
}

void
sessions_json(const struct tmux_list *list, const struct records *records,
	      struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_array(w, "sessions");
	for (size_t i = 0; i < list->n_sessions; i++) {
		const struct tmux_session *live = &list->sessions[i];

		add_one(&(struct session){ live, find_record(records, live) },
			w);
	}
	for (size_t i = 0; i < records->n; i++) {
		if (tmux_list_find(list, records->items[i].name) == NULL)
			add_one(&(struct session){ NULL, &records->items[i] },
				w);
	}
	jsonw_array_end(w);
	jsonw_int(w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(w);
}
