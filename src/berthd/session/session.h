/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_SESSION_H
#define BERTHD_SESSION_SESSION_H

/*
 * Sessions as a daemon sees them: what tmux says now, joined with what was
 * asked for.
 *
 * Nothing about a session is remembered here.  Each request asks the server; a
 * session that the server does not have, but a record does, has ended with the
 * server or with the machine.
 */

#include <stdbool.h>

#include "berthd/session/call.h"
#include "berthd/session/record.h"
#include "berthd/session/tmux.h"
#include "core/err.h"
#include "core/list.h"

struct config;
struct jsonw;
struct places;
struct reaper;
struct uv_loop_s;

struct sessions {
	struct uv_loop_s *loop;
	const struct config *config;
	const struct places *places;
	char *const *roots; /* directories a restricted request may use */
	char *dir;	    /* of the records */
	struct tmux tmux;   /* once it was found */
	bool is_open;
	struct calls calls;
	struct list asks;    /* requests being answered */
	struct list viewers; /* attached streams */
	struct reaper *reaper;
};

struct sessions_config {
	struct uv_loop_s *loop;
	const struct config *config; /* borrowed for good, as the next two */
	const struct places *places;
	char *const *roots;
};

struct sessions *sessions_new(const struct sessions_config *config);

/* Viewers are cut, sessions go on.  The loop has to run once more. */
void sessions_free(struct sessions *sessions);

/* Find tmux, if that was not done; ERR_UNSUPPORTED. */
int sessions_open(struct sessions *sessions, struct err *err);

/* One session: at least one of the two is there.  Borrowed. */
struct session {
	const struct tmux_session *live;
	const struct record *record;
};

enum session_end {
	SESSION_RUNS,
	SESSION_EXITED,
	SESSION_SIGNALLED,
	SESSION_LOST,	  /* with its server */
	SESSION_REBOOTED, /* with the machine */
};

enum session_end session_end(const struct session *session);
const char *session_name(const struct session *session);

/* Is the record of this very session, not of an earlier one of its name? */
bool session_is_of(const struct record *record,
		   const struct tmux_session *live);

/* Members of an object; `viewers' too if `list' is given. */
void session_json(const struct session *session, const struct tmux_list *list,
		  struct jsonw *w);

/* {"sessions":[...]}: those that are live first, then the others. */
void sessions_json(const struct tmux_list *list, const struct records *records,
		   struct jsonw *w);

#endif
