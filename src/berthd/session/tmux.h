/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_TMUX_H
#define BERTHD_SESSION_TMUX_H

/*
 * All that is known of tmux: a server of our own per user, the configuration
 * it reads, how it is called and what its answers mean.
 *
 * The server's socket and configuration lie in <runtime>/session/, so a user's
 * own tmux and ~/.tmux.conf are not touched.  The configuration is locked: no
 * prefix, no commands, no menus; Ctrl-] detaches, the wheel scrolls, a drag
 * copies.  A session has one window with one pane, and stays when its command
 * ends, so that the end can be told.
 *
 * The environment of tmux processes is `env' and nothing else: the server keeps
 * that of its first client for good, and shows it to everybody of this user.
 * What a command needs in its environment, and must not be seen there, reaches
 * it by other ways (agent.h).
 *
 *	struct tmux tmux = TMUX_INIT;
 *
 *	if (tmux_open(&tmux, &places, environ, err) < 0)
 *		return -1;
 *	argv = tmux_attach_argv(&tmux, &(struct tmux_view){ .name = "codex" });
 *	execve(argv[0], argv, env);
 *
 * Argument vectors are the caller's to free (strv_free); argv[0] is absolute.
 * Only the functions below "Blocking" start processes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct places;

/* The oldest that has all we need. */
#define TMUX_MIN_VERSION 300

/* "tmux 3.3a", "next-3.5": 303, 305; 0 if it is neither. */
unsigned tmux_read_version(const char *text);

#define TMUX_NAME_MAX 64

struct tmux {
	char *program;	  /* absolute */
	char *dir;	  /* <runtime>/session, private */
	char *socket;	  /* in dir */
	char *conf;	  /* in dir */
	char **env;	  /* for every tmux process but viewers */
	unsigned version; /* 3.3a is 303 */
};

#define TMUX_INIT                                                              \
	{                                                                      \
		.program = NULL                                                \
	}

/* 1 to 64 of A-Z a-z 0-9 _ -, and no '-' in front. */
bool tmux_name_ok(const char *name);

/* ERR_INVALID, in words. */
int tmux_name_check(const char *name, struct err *err);

/*
 * Find the program in PATH of `environ_now', make the directory and write the
 * configuration if it is not there yet.  Runs `tmux -V' once per version of
 * the program.  ERR_UNSUPPORTED: there is no tmux, or one that is too old.
 */
int tmux_open(struct tmux *tmux, const struct places *places,
	      char *const *environ_now, struct err *err);
void tmux_fini(struct tmux *tmux);

/* Does a server listen?  One system call or two. */
bool tmux_is_up(const struct tmux *tmux);

/* Words of tmux after our own: program, socket, configuration, `words'. */
char **tmux_argv(const struct tmux *tmux, const char *const *words);

/*
 * Create the session `name' once: the call fails with "duplicate session" if
 * there is one, whoever else tries at the same time (tmux_is_duplicate).
 */
struct tmux_create {
	const char *name;
	char *const *command; /* two words at least: no shell is used */
	uint64_t cols, rows;  /* 0: 120 by 32 */
	bool replaces_dead;   /* there is one, which may have ended */
};
char **tmux_create_argv(const struct tmux *tmux,
			const struct tmux_create *create);

/* Did creating fail because there is one? */
bool tmux_is_duplicate(const char *message);

/*
 * Words to put in front of tmux_create_argv while no server is up, so that the
 * server gets a scope of its own where systemd runs for this user and outlives
 * the login that started it.  NULL: there is none; start without.
 */
char **tmux_scope_argv(const struct tmux *tmux);

/* How a terminal looks at a session. */
struct tmux_view {
	const char *name;
	const char *term;      /* the TERM of the terminal; NULL: unknown */
	const char *colorterm; /* its COLORTERM; NULL: none */
	bool is_utf8;
	bool is_read_only;
	bool ignores_size; /* its size does not change the session's */
	bool is_alone;	   /* others are detached */

	/*
	 * When the agent has ended the viewer becomes what sh makes of this;
	 * NULL: it ends.
	 */
	const char *at_end;
};
char **tmux_attach_argv(const struct tmux *tmux, const struct tmux_view *view);

/*
 * The environment of a viewer: tmux->env, the locale, and a TERM that this
 * host knows, `term' itself if it does.  The caller frees.
 */
char **tmux_view_env(const struct tmux *tmux, const struct tmux_view *view);

/* What a server says of its sessions. */
struct tmux_viewer {
	char name[TMUX_NAME_MAX + 1]; /* of the session */
	uint64_t cols, rows;
	bool is_read_only;
	int64_t created;
	int64_t pid;
	char term[64];
};

struct tmux_session {
	char name[TMUX_NAME_MAX + 1];
	int64_t created;  /* seconds since 1970 */
	int64_t activity; /* the same */
	uint64_t cols, rows;
	int64_t pid;	/* of the command */
	int64_t server; /* pid of the server */
	bool is_dead;
	int64_t status; /* of a dead one: exit status, or -1 */
	int64_t signal; /* or the signal, or 0 */
	int64_t ended;	/* seconds since 1970, or 0: not told */
	uint64_t history;
	char *title; /* what the command calls itself: foreign bytes */
	size_t n_viewers;
};

/*
 * Has it ended, and is it known how?  tmux sees the terminal close, and a
 * moment later the status; before 3.3 it never tells of a signal.
 */
static inline bool
tmux_session_is_told(const struct tmux_session *session)
{
	return session->is_dead &&
	       (session->status >= 0 || session->signal > 0);
}

struct tmux_list {
	struct tmux_session *sessions;
	size_t n_sessions;
	struct tmux_viewer *viewers;
	size_t n_viewers;
};

#define TMUX_LIST_MAX (8u << 20)

char **tmux_list_argv(const struct tmux *tmux);

/*
 * Take the output of tmux_list_argv apart.  Lines that are not ours are left
 * out; nothing in them can make it fail.
 */
void tmux_list_parse(const void *text, size_t n, struct tmux_list *ret);
void tmux_list_fini(struct tmux_list *list);

/* Borrowed, or NULL. */
const struct tmux_session *tmux_list_find(const struct tmux_list *list,
					  const char *name);

/* Does this complaint of tmux mean that no server runs? */
bool tmux_is_no_server(const char *message);

/* Blocking: for processes without an event loop. */

/* Run and take the output; the complaint of a failure is `err' (ERR_REMOTE). */
int tmux_run(const struct tmux *tmux, char *const *argv, struct buf *out,
	     struct err *err);

/* No server means no sessions. */
int tmux_list(const struct tmux *tmux, struct tmux_list *ret, struct err *err);

/* Is there a session `name', running or ended? */
bool tmux_has(const struct tmux *tmux, const char *name);

static inline void
auto_tmux(struct tmux *tmux)
{
	tmux_fini(tmux);
}

#define AUTO_TMUX __attribute__((cleanup(auto_tmux))) struct tmux

static inline void
auto_tmux_list(struct tmux_list *list)
{
	tmux_list_fini(list);
}

#define AUTO_TMUX_LIST __attribute__((cleanup(auto_tmux_list))) struct tmux_list

#endif
