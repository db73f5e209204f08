/* SPDX-License-Identifier: ISC */

/*
 * Attaching to a session of this user; see visit.h.
 *
 * One question to tmux decides: is it there, and does it live?  Two logins at
 * the same moment may both be told that it is not; then creating it is a race
 * that tmux decides, and the loser removes its order and attaches to what the
 * winner made.  The end of the agent reaches a viewer by tmux, which lets it
 * become `berthd session-end' (ending.h).
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "berthd/login/ending.h"
#include "berthd/login/supervise.h"
#include "berthd/login/visit.h"
#include "berthd/session/agent.h"
#include "berthd/session/record.h"
#include "berthd/session/tmux.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/places.h"

#define MAX_SAID 4096
#define MAX_SIZE 10000 /* of tmux */

extern char **environ;

/* Does the locale that the client brought speak of UTF-8? */
static bool
is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return strcasestr(value, "UTF-8") ||
			       strcasestr(value, "UTF8");
	}
	return false;
}

static void
terminal_size(uint64_t *ret_cols, uint64_t *ret_rows)
{
	struct winsize size = { 0 };

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	*ret_cols = MIN(size.ws_col, MAX_SIZE);
	*ret_rows = MIN(size.ws_row, MAX_SIZE);
}

/* Sessions that ended */

/* Nobody wants to look at an agent that starts and dies, again and again. */
static int
await_key(struct err *err)
{
	char c;

	fputs("codex-ssh: Enter starts it again, Ctrl-C leaves: ", stderr);
	do {
		if (read(STDIN_FILENO, &c, 1) != 1)
			return err_set(err, ERR_INVALID, "nobody answered");
	} while (c != '\n' && c != '\r');
	return 0;
}

static int
make_room(const struct tmux *tmux, const struct tmux_session *session,
	  const struct visit *visit, struct err *err)
{
	ending_show(tmux, session);
	if (visit->is_read_only)
		return err_set(err, ERR_NOT_FOUND,
			       "the session \"%s\" has ended", visit->session);
	return await_key(err);
}

/* Starting */

static int
enter_directory(const char *cwd, struct err *err)
{
	if (fs_mkdir_parents(cwd, err) < 0)
		return err_wrap(err, "the workspace");
	if (access(cwd, X_OK) < 0)
		return err_sys(err, "the workspace %s", cwd);
	return 0;
}

/* ERR_REMOTE: tmux's own words, if it said any. */
static int
try_create(const struct tmux *tmux, const struct tmux_create *create,
	   struct err *err)
{
	AUTO_STRV char **words = tmux_create_argv(tmux, create);
	AUTO_STRV char **scoped = NULL;
	AUTO_BUF out = BUF_INIT(MAX_SAID);

	if (!tmux_is_up(tmux))
		scoped = tmux_scope_argv(tmux);
	for (char **word = words; scoped && *word; word++)
		strv_add(&scoped, *word);
	if (scoped && (tmux_run(tmux, scoped, &out, err) == 0 ||
		       tmux_is_duplicate(err->msg)))
		return err->code == ERR_NONE ? 0 : -1;
	/* The manager would not; a server without a scope is one. */
	*err = (struct err)ERR_INIT;
	return tmux_run(tmux, words, &out, err);
}

/* 1: it was created; 0: somebody else did that in the meantime. */
static int
create(const struct tmux *tmux, const struct visit *visit, char *const *command,
       bool replaces_dead, struct err *err)
{
	struct tmux_create wish = { .name = visit->session,
				    .command = command,
				    .replaces_dead = replaces_dead };
	int rc;

	terminal_size(&wish.cols, &wish.rows);
	rc = try_create(tmux, &wish, err);
	if (rc < 0 && replaces_dead && !tmux_is_duplicate(err->msg)) {
		/* The dead one is gone. */
		*err = (struct err)ERR_INIT;
		wish.replaces_dead = false;
		rc = try_create(tmux, &wish, err);
	}
	if (rc < 0 && !tmux_is_duplicate(err->msg))
		return -1;
	*err = (struct err)ERR_INIT;
	return rc == 0;
}

/* A full disk does not stop anybody from working. */
static void
write_record(const struct tmux *tmux, const struct places *places,
	     const struct agent_order *order)
{
	AUTO_FREE char *dir = path_join(places->state, "session");
	AUTO_TMUX_LIST list = { 0 };
	struct record asked = { .name = order->name,
				.argv = order->argv,
				.cwd = order->cwd };
	const struct tmux_session *live;
	struct err err = ERR_INIT;

	if (tmux_list(tmux, &list, &err) == 0 &&
	    (live = tmux_list_find(&list, order->name)) != NULL) {
		asked.agent = live->pid;
		(void)record_write_start(dir, &asked, live->server, &err);
	}
	if (err.code != ERR_NONE)
		fprintf(stderr, "codex-ssh: not recorded: %s\n", err.msg);
}

static int
start(const struct tmux *tmux, const struct places *places,
      const struct visit *visit, bool replaces_dead, struct err *err)
{
	AUTO_AGENT_ORDER order = { .name = xstrdup(visit->session),
				   .argv = strv_copy(visit->command),
				   .env = strv_copy(visit->env),
				   .cwd = xstrdup(visit->cwd) };
	AUTO_FREE char *program = NULL;
	AUTO_FREE char *path = NULL;
	AUTO_STRV char **command = NULL;
	int created;

	if (visit->is_read_only)
		return err_set(err, ERR_NOT_FOUND,
			       "there is no session \"%s\" to watch",
			       visit->session);
	/* It must be there before a session is made that dies of it. */
	program = supervise_find(order.argv[0], order.env);
	if (program == NULL) {
		err_set(err, ERR_NOT_FOUND, "%s is not installed here",
			order.argv[0]);
		return err_hint(err, "install it, or set CODEX_SSH_COMMAND in "
				     "codex-ssh.env");
	}
	if (enter_directory(visit->cwd, err) < 0 ||
	    agent_write(tmux->dir, &order, &path, err) < 0)
		return -1;
	command = agent_words(path, err);
	created = command ? create(tmux, visit, command, replaces_dead, err)
			  : -1;
	if (created == 1)
		write_record(tmux, places, &order);
	else
		(void)unlink(path);
	return created < 0 ? -1 : 0;
}

static int
refuse_mirror(const struct tmux *tmux, const char *session, struct err *err)
{
	const char *inside = getenv("TMUX");
	const char *own = getenv("BERTH_SESSION");
	size_t n = strlen(tmux->socket);

	if (inside && own && strncmp(inside, tmux->socket, n) == 0 &&
	    inside[n] == ',' && str_eq(own, session))
		return err_set(err, ERR_CONFLICT,
			       "this is the session \"%s\" already", session);
	return 0;
}

int
visit_prepare(const struct visit *visit, char ***ret_argv, char ***ret_env,
	      struct err *err)
{
	struct tmux_view view = { .name = visit->session,
				  .term = getenv("TERM"),
				  .colorterm = getenv("COLORTERM"),
				  .is_utf8 = is_utf8(),
				  .is_read_only = visit->is_read_only,
				  .ignores_size = visit->is_read_only };
	AUTO_PLACES places = PLACES_INIT;
	AUTO_TMUX tmux = TMUX_INIT;
	AUTO_TMUX_LIST list = { 0 };
	AUTO_FREE char *at_end = NULL;
	const struct tmux_session *session;

	if (places_find(&places, err) < 0 ||
	    tmux_open(&tmux, &places, environ, err) < 0 ||
	    refuse_mirror(&tmux, visit->session, err) < 0)
		return -1;
	if (tmux_is_up(&tmux) && tmux_list(&tmux, &list, err) < 0)
		return -1;
	session = tmux_list_find(&list, visit->session);
	if (session && session->is_dead &&
	    make_room(&tmux, session, visit, err) < 0)
		return -1;
	if ((session == NULL || session->is_dead) &&
	    start(&tmux, &places, visit, session != NULL, err) < 0)
		return -1;
	view.at_end = at_end = ending_words(visit->session, err);
	if (at_end == NULL)
		return -1;
	*ret_argv = tmux_attach_argv(&tmux, &view);
	*ret_env = tmux_view_env(&tmux, &view);
	return 0;
}
