/* SPDX-License-Identifier: ISC */

/*
 * Attaching to a session of this user; see visit.h.
 *
 * One question to tmux decides: is it there, and does it live?  Two logins at
 * the same moment may both be told that it is not; then creating it is a race
 * that tmux decides, and the loser's order to its agent is removed by nobody
 * but holds nothing that the winner's does not.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "berthd/login/visit.h"
#include "berthd/session/agent.h"
#include "berthd/session/tmux.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/places.h"

#define MAX_SCREEN (256u << 10)
#define LAST_LINES 12

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

/* The command must be there before a session is made that dies of it. */
static bool
is_found(const char *program, char *const *env)
{
	const char *path = strv_env_get(env, "PATH");

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	while (path && *path) {
		size_t n = strcspn(path, ":");
		AUTO_FREE char *dir = xstrndup(path, n);
		AUTO_FREE char *full = path_join(dir, program);

		if (n > 0 && access(full, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

static void
terminal_size(uint64_t *ret_cols, uint64_t *ret_rows)
{
	struct winsize size = { 0 };

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	*ret_cols = size.ws_col;
	*ret_rows = size.ws_row;
}

/* Sessions that ended */

/*
 * The last lines that are not empty, made harmless.  Below what the agent said
 * tmux has written that the pane is dead; that is told in our words.
 */
static void
show_lines(const char *text, size_t n)
{
	AUTO_BUF shown = BUF_INIT(8 * MAX_SCREEN);
	size_t lines = 0;

	while (n > 0 && lines < LAST_LINES) {
		const char *before = memrchr(text, '\n', n);
		const char *line = before ? before + 1 : text;
		size_t len = n - (size_t)(line - text);
		AUTO_BUF one = BUF_INIT(8 * MAX_SCREEN);

		n = before ? (size_t)(before - text) : 0;
		if (strspn(line, " ") >= len ||
		    (lines == 0 && str_starts(line, "Pane is dead")))
			continue;
		lines++;
		(void)vis_add(&one, line, len);
		(void)buf_addc(&one, '\n');
		(void)buf_add(&one, buf_bytes(&shown), shown.len);
		buf_clear(&shown);
		(void)buf_add(&shown, buf_bytes(&one), one.len);
	}
	fputs(buf_text(&shown), stderr);
}

static void
show_screen(const struct tmux *tmux, const char *name)
{
	AUTO_FREE char *target = xasprintf("=%s:", name);
	/* What tmux wrote may have pushed lines up, out of the screen. */
	const char *const words[] = { "capture-pane", "-p",   "-S", "-50",
				      "-t",	      target, NULL };
	AUTO_STRV char **argv = tmux_argv(tmux, words);
	AUTO_BUF out = BUF_INIT(MAX_SCREEN);

	if (tmux_run(tmux, argv, &out, &(struct err)ERR_INIT) == 0)
		show_lines(buf_text(&out), out.len);
}

static void
show_end(const struct tmux *tmux, const struct tmux_session *session)
{
	show_screen(tmux, session->name);
	if (session->signal > 0)
		fprintf(stderr,
			"codex-ssh: the agent in \"%s\" was ended by "
			"signal %lld\n",
			session->name, (long long)session->signal);
	else
		fprintf(stderr,
			"codex-ssh: the agent in \"%s\" ended with status "
			"%lld\n",
			session->name, (long long)session->status);
}

static void
remove_session(const struct tmux *tmux, const char *name)
{
	AUTO_FREE char *target = xasprintf("=%s", name);
	const char *const words[] = { "kill-session", "-t", target, NULL };
	AUTO_STRV char **argv = tmux_argv(tmux, words);
	AUTO_BUF out = BUF_INIT(MAX_SCREEN);

	(void)tmux_run(tmux, argv, &out, &(struct err)ERR_INIT);
}

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
	show_end(tmux, session);
	if (visit->is_read_only)
		return err_set(err, ERR_NOT_FOUND,
			       "the session \"%s\" has ended", visit->session);
	if (await_key(err) < 0)
		return -1;
	remove_session(tmux, visit->session);
	return 0;
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

static char **
create_argv(const struct tmux *tmux, const struct visit *visit,
	    char *const *command)
{
	struct tmux_create create = { .name = visit->session,
				      .command = command,
				      .attach = true };
	AUTO_STRV char **scope = NULL;
	AUTO_STRV char **words = NULL;

	terminal_size(&create.cols, &create.rows);
	if (!tmux_is_up(tmux))
		scope = tmux_scope_argv(tmux);
	words = tmux_create_argv(tmux, &create);
	for (size_t i = 0; scope && words && words[i]; i++)
		strv_add(&scope, words[i]);
	return scope ? TAKE(scope) : TAKE(words);
}

static int
prepare_new(const struct tmux *tmux, const struct visit *visit,
	    char ***ret_argv, struct err *err)
{
	AUTO_AGENT_ORDER order = { .name = xstrdup(visit->session),
				   .argv = strv_copy(visit->command),
				   .env = strv_copy(visit->env),
				   .cwd = xstrdup(visit->cwd) };
	AUTO_FREE char *path = NULL;
	AUTO_STRV char **command = NULL;

	if (visit->is_read_only)
		return err_set(err, ERR_NOT_FOUND,
			       "there is no session \"%s\" to watch",
			       visit->session);
	if (!is_found(order.argv[0], order.env)) {
		err_set(err, ERR_NOT_FOUND, "%s is not installed here",
			order.argv[0]);
		return err_hint(err, "install it, or set CODEX_SSH_COMMAND in "
				     "codex-ssh.env");
	}
	if (enter_directory(visit->cwd, err) < 0 ||
	    agent_write(tmux->dir, &order, &path, err) < 0)
		return -1;
	command = agent_words(path, err);
	if (command == NULL)
		return -1;
	*ret_argv = create_argv(tmux, visit, command);
	return 0;
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
	const struct tmux_session *session;

	if (places_find(&places, err) < 0 ||
	    tmux_open(&tmux, &places, environ, err) < 0 ||
	    refuse_mirror(&tmux, visit->session, err) < 0)
		return -1;
	if (tmux_is_up(&tmux) && tmux_list(&tmux, &list, err) < 0)
		return -1;
	session = tmux_list_find(&list, visit->session);
	if (session && session->is_dead) {
		if (make_room(&tmux, session, visit, err) < 0)
			return -1;
		session = NULL;
	}
	if (session == NULL && prepare_new(&tmux, visit, ret_argv, err) < 0)
		return -1;
	if (session)
		*ret_argv = tmux_attach_argv(&tmux, &view);
	*ret_env = tmux_view_env(&tmux, &view);
	return 0;
}
