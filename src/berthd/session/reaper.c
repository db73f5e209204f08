/* SPDX-License-Identifier: ISC */

/*
 * Forgetting what ended; see reaper.h.
 *
 * The server itself looks whether an agent is still dead when it removes its
 * session, so one that was started anew in the meantime is safe.  It knows when
 * an agent ended.  Of a session that it does not have, that is not known: the
 * record is marked when that is seen first, and goes so long after the mark.
 */

#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/config.h"
#include "berthd/session/reaper.h"
#include "berthd/session/session.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/strv.h"

/* Often enough for days, seldom enough to cost nothing. */
#define MAX_INTERVAL_MS 3600000
#define MIN_INTERVAL_MS 1000

struct reaper {
	struct sessions *sessions;
	uv_timer_t timer;
	uint64_t after_ns;
	uint64_t interval_ms;
	uint64_t looked_ns; /* when the last look began */
};

static bool
is_due(const struct reaper *r, int64_t since_ns)
{
	return since_ns > 0 && r->looked_ns > (uint64_t)since_ns &&
	       r->looked_ns - (uint64_t)since_ns >= r->after_ns;
}

static void
on_removed(const struct buf *out UNUSED, const struct err *err UNUSED,
	   void *owner UNUSED)
{
	/* What is still there is seen at the next look. */
}

static void
remove_dead(const struct reaper *r, const struct tmux_session *dead)
{
	struct sessions *s = r->sessions;
	AUTO_RECORD record = { .name = NULL };
	AUTO_FREE char *pane = xasprintf("=%s:", dead->name);
	AUTO_FREE char *removal = xasprintf("kill-session -t =%s", dead->name);
	const char *const words[] = { "if-shell",     "-F",    "-t", pane,
				      "#{pane_dead}", removal, NULL };
	AUTO_STRV char **argv = tmux_argv(&s->tmux, words);

	log_info("session", "forgotten", KV_STR("name", dead->name));
	call_start(&s->calls, argv, on_removed, NULL);
	if (record_read(s->dir, dead->name, &record, &(struct err)ERR_INIT) ==
		0 &&
	    session_is_of(&record, dead))
		record_remove(s->dir, dead->name);
}

static void
reap_dead(const struct reaper *r, const struct tmux_list *list)
{
	for (size_t i = 0; i < list->n_sessions; i++) {
		const struct tmux_session *session = &list->sessions[i];
		/* tmux before 3.3 does not tell when. */
		int64_t ended = session->ended > 0 ? session->ended
						   : session->activity;

		if (session->is_dead && is_due(r, ended * (int64_t)NS_PER_S))
			remove_dead(r, session);
	}
}

static void
mark(const struct reaper *r, struct record *record)
{
	struct err err = ERR_INIT;

	record->gone_ns = (int64_t)r->looked_ns;
	if (record_write(r->sessions->dir, record, &err) < 0)
		log_warn("session", "not marked", KV_STR("name", record->name),
			 KV_ERR(&err));
}

static void
reap_records(const struct reaper *r, const struct tmux_list *list)
{
	AUTO_RECORDS records = { .n = 0 };

	records_read(r->sessions->dir, &records);
	for (size_t i = 0; i < records.n; i++) {
		struct record *record = &records.items[i];

		/* The answer of tmux is older than this one. */
		if (record->created_ns >= (int64_t)r->looked_ns ||
		    tmux_list_find(list, record->name))
			continue;
		if (record->gone_ns == 0) {
			mark(r, record);
		} else if (is_due(r, record->gone_ns)) {
			log_info("session", "forgotten",
				 KV_STR("name", record->name));
			record_remove(r->sessions->dir, record->name);
		}
	}
}

static void
on_listed(const struct buf *out, const struct err *err, void *owner)
{
	const struct reaper *r = owner;
	AUTO_TMUX_LIST list = { 0 };

	if (err && !tmux_is_no_server(err->msg))
		return;
	if (err == NULL)
		tmux_list_parse(buf_bytes(out), out->len, &list);
	reap_dead(r, &list);
	reap_records(r, &list);
}

static void
on_time(uv_timer_t *timer)
{
	struct reaper *r = container_of(timer, struct reaper, timer);
	struct sessions *s = r->sessions;
	AUTO_STRV char **argv = NULL;

	/* Who never had a session needs no tmux. */
	if (access(s->dir, F_OK) < 0 ||
	    sessions_open(s, &(struct err)ERR_INIT) < 0)
		return;
	r->looked_ns = clock_wall_ns();
	argv = tmux_list_argv(&s->tmux);
	call_start(&s->calls, argv, on_listed, r);
}

struct reaper *
reaper_new(struct sessions *sessions)
{
	uint64_t after_ms = sessions->config->sessions.reap_after;
	struct reaper *r;

	if (after_ms == 0)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->sessions = sessions;
	r->after_ns = after_ms * NS_PER_MS;
	r->interval_ms = MAX(MIN(after_ms, MAX_INTERVAL_MS), MIN_INTERVAL_MS);
	(void)uv_timer_init(sessions->loop, &r->timer);
	(void)uv_timer_start(&r->timer, on_time, r->interval_ms,
			     r->interval_ms);
	/* Looking is no reason to stay. */
	uv_unref((uv_handle_t *)&r->timer);
	return r;
}

static void
on_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct reaper, timer));
}

void
reaper_free(struct reaper *r)
{
	if (r)
		uv_close((uv_handle_t *)&r->timer, on_closed);
}
