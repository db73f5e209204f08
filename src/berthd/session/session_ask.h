/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_SESSION_ASK_H
#define BERTHD_SESSION_SESSION_ASK_H

/*
 * A request about a session while it is answered: its steps are calls of tmux,
 * and its client may go away between any two of them.
 *
 * What was begun is carried to its end also when nobody waits for the answer.
 * The ask is freed when it was answered (or given up) and its exchange is gone.
 */

#include "berthd/session/session.h"
#include "core/buf.h"

struct daemon;
struct http_exchange;
struct session_ask;

typedef void session_step_fn(struct session_ask *ask);

struct session_ask {
	struct list link;
	struct sessions *sessions;
	struct http_exchange *x; /* NULL: nobody waits any more */
	char name[TMUX_NAME_MAX + 1];
	bool is_busy; /* an answer is still owed */

	/* After session_ask_look: */
	struct tmux_list list;
	struct record record;
	struct session session; /* both NULL: there is none */
	struct buf out;		/* of a call */
	struct err failed;	/* of a call; ERR_NONE: it succeeded */

	session_step_fn *next;
	session_step_fn *on_gone; /* the client went away; may be NULL */
	session_step_fn *fini;	  /* of `own'; may be NULL */
	void *own;
};

/*
 * Begin to answer: NULL, and the error is answered, if `name' (may be NULL: it
 * comes later) is none or there is no tmux.
 */
struct session_ask *session_ask_new(struct daemon *daemon,
				    struct http_exchange *x, const char *name);

/* See what there is, then `next'. */
void session_ask_look(struct session_ask *ask, session_step_fn *next);

/* Read its record again; session_ask_look did. */
void session_ask_read_record(struct session_ask *ask);

/* Have tmux do it, then `next', which looks at `out' and `failed'. */
void session_ask_call(struct session_ask *ask, char *const *argv,
		      session_step_fn *next);

/* The last step.  The ask may be gone afterwards. */
void session_ask_fail(struct session_ask *ask, const struct err *err);
void session_ask_reply(struct session_ask *ask, struct buf *json);
void session_ask_end(struct session_ask *ask); /* was answered otherwise */

/* {"ok":true} */
void session_ask_ok(struct session_ask *ask);

/* The session as an object, with `flag': true if given. */
void session_ask_show(struct session_ask *ask, const char *flag, bool value);

/* ERR_NOT_FOUND unless there is one; ERR_CONFLICT unless it runs. */
int session_ask_exists(const struct session_ask *ask, struct err *err);
int session_ask_runs(const struct session_ask *ask, struct err *err);

/* "=NAME:", how tmux finds exactly this pane; the caller frees. */
char *session_ask_target(const struct session_ask *ask);

/* Drop all: the daemon ends. */
void session_asks_drop(struct sessions *sessions);

#endif
