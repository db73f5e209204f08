/* SPDX-License-Identifier: ISC */

/* The end of an agent, as it is told on a terminal; see ending.h. */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berthd/login/ending.h"
#include "berthd/session/tmux.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/proc.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/places.h"

#define MAX_SCREEN (256u << 10)
#define MAX_WORDS (64u << 10)
#define LAST_LINES 12

/* The terminal of an agent closes a moment before its status is known. */
#define TELL_MS 20
#define MAX_TELLS 100

extern char **environ;

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

void
ending_show(const struct tmux *tmux, const struct tmux_session *session)
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

char *
ending_words(const char *session, struct err *err)
{
	AUTO_FREE char *program = proc_own_path(err);
	AUTO_BUF text = BUF_INIT(MAX_WORDS);

	if (program == NULL)
		return NULL;
	(void)buf_adds(&text, "exec ");
	(void)shell_quote(&text, program);
	(void)buf_adds(&text, " " ENDING_COMMAND " ");
	(void)shell_quote(&text, session);
	return xstrdup(buf_text(&text));
}

/* True: it is known how it ended, or never will be. */
static bool
look(const struct tmux *tmux, const char *name, struct tmux_list *list,
     const struct tmux_session **ret)
{
	tmux_list_fini(list);
	*ret = NULL;
	if (tmux_list(tmux, list, &(struct err)ERR_INIT) < 0)
		return true;
	*ret = tmux_list_find(list, name);
	if (*ret && !(*ret)->is_dead)
		*ret = NULL;
	return *ret == NULL || tmux_session_is_told(*ret);
}

int
ending_run(const char *name, struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	AUTO_TMUX tmux = TMUX_INIT;
	AUTO_TMUX_LIST list = { 0 };
	const struct tmux_session *session = NULL;

	if (tmux_name_check(name, err) < 0 || places_find(&places, err) < 0 ||
	    tmux_open(&tmux, &places, environ, err) < 0)
		return -1;
	for (int i = 0; i < MAX_TELLS; i++) {
		if (look(&tmux, name, &list, &session))
			break;
		(void)poll(NULL, 0, TELL_MS);
	}
	if (session == NULL) {
		fprintf(stderr, "codex-ssh: the session \"%s\" has ended\n",
			name);
		return 0;
	}
	ending_show(&tmux, session);
	if (session->signal > 0)
		return 128 + (int)session->signal;
	return session->status >= 0 ? (int)session->status : 0;
}
