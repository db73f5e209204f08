/* SPDX-License-Identifier: ISC */

/*
 * What tmux says of its sessions; see tmux.h.
 *
 * A line is a kind, the name, numbers, and last what is foreign: a title may
 * hold anything but the end of a line.  A name that is not one of ours ends the
 * reading of its line, as does a number that is none.
 */

#include <string.h>

#include "berthd/session/tmux.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/strv.h"
#include "core/text.h"

#define SEPARATOR '|'

/* More than a user has; a list without end is not for us. */
#define MAX_ITEMS 4096

static const char panes[] =
    "S|#{session_name}|#{session_created}|#{session_activity}|#{window_width}|"
    "#{window_height}|#{pane_pid}|#{pid}|#{pane_dead}|#{pane_dead_status}|"
    "#{pane_dead_signal}|#{pane_dead_time}|#{history_size}|"
    /* Until the agent names it, it has the name of the host. */
    "#{?#{==:#{pane_title},#{host}},,#{pane_title}}";

static const char clients[] =
    "V|#{session_name}|#{client_width}|#{client_height}|#{client_readonly}|"
    "#{client_control_mode}|#{client_created}|#{client_pid}|#{client_termname}";

/* Takes one field after the other; `failed' is for good. */
struct cursor {
	const char *at, *end;
	bool failed;
};

static const char *
next_field(struct cursor *c, size_t *ret_n)
{
	const char *field = c->at;
	const char *stop = memchr(field, SEPARATOR, (size_t)(c->end - field));

	if (stop == NULL) {
		c->failed = true;
		*ret_n = 0;
		return field;
	}
	*ret_n = (size_t)(stop - field);
	c->at = stop + 1;
	return field;
}

/* An empty field is `fallback': versions differ in what they know. */
static int64_t
next_number(struct cursor *c, int64_t fallback)
{
	struct err err = ERR_INIT;
	int64_t value = fallback;
	char text[24];
	size_t n;
	const char *field = next_field(c, &n);

	if (c->failed || n == 0)
		return fallback;
	if (n >= sizeof(text)) {
		c->failed = true;
		return fallback;
	}
	memcpy(text, field, n);
	text[n] = '\0';
	if (parse_i64(text, 0, INT64_MAX, &value, &err) < 0)
		c->failed = true;
	return value;
}

static void
next_name(struct cursor *c, char out[TMUX_NAME_MAX + 1])
{
	size_t n;
	const char *field = next_field(c, &n);

	if (c->failed || n > TMUX_NAME_MAX) {
		c->failed = true;
		return;
	}
	memcpy(out, field, n);
	out[n] = '\0';
	if (strlen(out) != n || !tmux_name_ok(out))
		c->failed = true;
}

static void
read_session(struct cursor *c, struct tmux_list *list)
{
	struct tmux_session s = { .n_viewers = 0 };

	next_name(c, s.name);
	s.created = next_number(c, 0);
	s.activity = next_number(c, 0);
	s.cols = (uint64_t)next_number(c, 0);
	s.rows = (uint64_t)next_number(c, 0);
	s.pid = next_number(c, 0);
	s.server = next_number(c, 0);
	s.is_dead = next_number(c, 0) != 0;
	s.status = next_number(c, -1);
	s.signal = next_number(c, 0);
	s.ended = next_number(c, 0);
	s.history = (uint64_t)next_number(c, 0);
	if (c->failed || list->n_sessions >= MAX_ITEMS)
		return;
	s.title = xstrndup(c->at, (size_t)(c->end - c->at));
	list->sessions = xrealloc(list->sessions,
				  (list->n_sessions + 1) * sizeof(s));
	list->sessions[list->n_sessions++] = s;
}

static void
read_viewer(struct cursor *c, struct tmux_list *list)
{
	struct tmux_viewer v = { .created = 0 };
	size_t n;
	bool is_control;

	next_name(c, v.name);
	v.cols = (uint64_t)next_number(c, 0);
	v.rows = (uint64_t)next_number(c, 0);
	v.is_read_only = next_number(c, 0) != 0;
	is_control = next_number(c, 0) != 0;
	v.created = next_number(c, 0);
	v.pid = next_number(c, 0);
	if (c->failed || is_control || list->n_viewers >= MAX_ITEMS)
		return;
	n = MIN((size_t)(c->end - c->at), sizeof(v.term) - 1);
	memcpy(v.term, c->at, n);
	list->viewers = xrealloc(list->viewers,
				 (list->n_viewers + 1) * sizeof(v));
	list->viewers[list->n_viewers++] = v;
}

static void
read_line(const char *line, size_t n, struct tmux_list *list)
{
	struct cursor c = { .at = line, .end = line + n };
	size_t n_kind;
	const char *kind = next_field(&c, &n_kind);

	if (c.failed || n_kind != 1)
		return;
	if (*kind == 'S')
		read_session(&c, list);
	else if (*kind == 'V')
		read_viewer(&c, list);
}

static void
count_viewers(struct tmux_list *list)
{
	for (size_t i = 0; i < list->n_sessions; i++) {
		struct tmux_session *s = &list->sessions[i];

		for (size_t k = 0; k < list->n_viewers; k++)
			s->n_viewers += str_eq(s->name, list->viewers[k].name);
	}
}

void
tmux_list_parse(const void *text, size_t n, struct tmux_list *ret)
{
	const char *at = text, *end = at + n;

	*ret = (struct tmux_list){ .n_sessions = 0 };
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (stop == NULL)
			stop = end;
		read_line(at, (size_t)(stop - at), ret);
		at = stop + 1;
	}
	count_viewers(ret);
}

char **
tmux_list_argv(const struct tmux *tmux)
{
	const char *const words[] = { "list-panes",   "-a", "-F",    panes, ";",
				      "list-clients", "-F", clients, NULL };

	return tmux_argv(tmux, words);
}

void
tmux_list_fini(struct tmux_list *list)
{
	for (size_t i = 0; i < list->n_sessions; i++)
		free(list->sessions[i].title);
	free(list->sessions);
	free(list->viewers);
	*list = (struct tmux_list){ .n_sessions = 0 };
}

const struct tmux_session *
tmux_list_find(const struct tmux_list *list, const char *name)
{
	for (size_t i = 0; i < list->n_sessions; i++) {
		if (str_eq(list->sessions[i].name, name))
			return &list->sessions[i];
	}
	return NULL;
}
