/* SPDX-License-Identifier: ISC */

/* Looking at sessions, and renaming them; see session_api.h. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "berthd/reply.h"
#include "berthd/session/session_api.h"
#include "berthd/session/session_ask.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/strv.h"
#include "core/text.h"
#include "http/server.h"

#define MAX_BODY 4096
#define MAX_LIST (64u << 20)
#define MAX_LINES 1000000

/* The list */

static void
on_listed(struct session_ask *ask)
{
	AUTO_RECORDS records = { .n = 0 };
	AUTO_BUF text = BUF_INIT(MAX_LIST);
	struct jsonw w = JSONW_INIT(&text);

	records_read(ask->sessions->dir, &records);
	sessions_json(&ask->list, &records, &w);
	session_ask_reply(ask, &text);
}

void
session_api_list(struct daemon *daemon, struct http_exchange *x,
		 const char *name UNUSED)
{
	struct session_ask *ask = session_ask_new(daemon, x, NULL);

	if (ask)
		session_ask_look(ask, on_listed);
}

/* One */

static void
on_looked(struct session_ask *ask)
{
	struct err err = ERR_INIT;

	if (session_ask_exists(ask, &err) < 0)
		session_ask_fail(ask, &err);
	else
		session_ask_show(ask, NULL, false);
}

void
session_api_get(struct daemon *daemon, struct http_exchange *x,
		const char *name)
{
	struct session_ask *ask = session_ask_new(daemon, x, name);

	if (ask)
		session_ask_look(ask, on_looked);
}

/* The screen */

struct capture {
	bool is_ansi, joins;
	uint64_t lines; /* of the history above the screen */
	bool all;
};

static int
read_flag(const struct http_head *head, const char *name, bool *ret,
	  struct err *err)
{
	AUTO_FREE char *text = http_head_query(head, name);

	if (text == NULL || str_eq(text, "false"))
		return 0;
	*ret = true;
	if (str_eq(text, "true") || text[0] == '\0')
		return 0;
	return err_set(err, ERR_INVALID, "%s: neither true nor false", name);
}

static int
read_capture(const struct http_head *head, struct capture *ret, struct err *err)
{
	AUTO_FREE char *format = http_head_query(head, "format");
	AUTO_FREE char *lines = http_head_query(head, "lines");

	ret->is_ansi = format && str_eq(format, "ansi");
	if (format && !ret->is_ansi && !str_eq(format, "plain"))
		return err_set(err, ERR_INVALID,
			       "format: \"%.32s\" is neither plain nor ansi",
			       format);
	ret->all = lines && str_eq(lines, "all");
	if (lines && !ret->all &&
	    parse_u64(lines, 0, MAX_LINES, &ret->lines, err) < 0)
		return err_wrap(err, "lines");
	return read_flag(head, "join", &ret->joins, err);
}

/* Without the empty lines at the end. */
static size_t
trimmed(const struct buf *out)
{
	const char *text = buf_text(out);
	size_t n = out->len;

	while (n > 1 && text[n - 1] == '\n' && text[n - 2] == '\n')
		n--;
	return n == 1 && text[0] == '\n' ? 0 : n;
}

static void
on_captured(struct session_ask *ask)
{
	struct err err = ask->failed;

	if (err.code != ERR_NONE) {
		err_wrap(&err, "tmux");
		session_ask_fail(ask, &err);
		return;
	}
	if (ask->x)
		http_reply(ask->x, 200, REPLY_TEXT, buf_bytes(&ask->out),
			   trimmed(&ask->out));
	session_ask_end(ask);
}

static void
on_capture_looked(struct session_ask *ask)
{
	const struct capture *capture = ask->own;
	AUTO_FREE char *target = session_ask_target(ask);
	AUTO_FREE char *start = capture->all
				    ? xstrdup("-")
				    : xasprintf("-%" PRIu64, capture->lines);
	const char *const words[] = { "capture-pane", "-p",  "-t", target,
				      "-S",	      start, NULL };
	AUTO_STRV char **argv = NULL;
	struct err err = ERR_INIT;

	if (session_ask_exists(ask, &err) == 0 && ask->session.live == NULL)
		(void)session_ask_runs(ask, &err);
	if (err.code != ERR_NONE) {
		session_ask_fail(ask, &err);
		return;
	}
	argv = tmux_argv(&ask->sessions->tmux, words);
	if (capture->is_ansi)
		strv_add(&argv, "-e");
	if (capture->joins)
		strv_add(&argv, "-J");
	session_ask_call(ask, argv, on_captured);
}

static void
free_own(struct session_ask *ask)
{
	free(ask->own);
}

void
session_api_capture(struct daemon *daemon, struct http_exchange *x,
		    const char *name)
{
	struct capture capture = { .lines = 0 };
	struct err err = ERR_INIT;
	struct session_ask *ask;

	if (read_capture(http_exchange_head(x), &capture, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	ask = session_ask_new(daemon, x, name);
	if (ask == NULL)
		return;
	ask->own = xmalloc(sizeof(capture));
	memcpy(ask->own, &capture, sizeof(capture));
	ask->fini = free_own;
	session_ask_look(ask, on_capture_looked);
}

/* Another name */

struct renaming {
	char *name;
};

static const struct json_field rename_fields[] = {
	JSON_F(struct renaming, name, STR, true),
};

static void
on_renamed(struct session_ask *ask)
{
	struct err err = ask->failed;

	if (err.code != ERR_NONE && !tmux_is_duplicate(err.msg)) {
		err_wrap(&err, "tmux");
	} else if (err.code != ERR_NONE) {
		err_set(&err, ERR_CONFLICT, "there is a session %s",
			(const char *)ask->own);
	} else {
		(void)record_rename(ask->sessions->dir, ask->name, ask->own,
				    &(struct err)ERR_INIT);
		session_ask_ok(ask);
		return;
	}
	session_ask_fail(ask, &err);
}

static void
on_rename_looked(struct session_ask *ask)
{
	AUTO_FREE char *target = xasprintf("=%s", ask->name);
	const char *const words[] = { "rename-session", "-t", target, "--",
				      ask->own,		NULL };
	AUTO_STRV char **argv = tmux_argv(&ask->sessions->tmux, words);
	struct err err = ERR_INIT;

	if (session_ask_runs(ask, &err) < 0)
		session_ask_fail(ask, &err);
	else
		session_ask_call(ask, argv, on_renamed);
}

static void
on_rename_body(struct http_exchange *x UNUSED, const struct buf *body,
	       void *owner)
{
	struct session_ask *ask = owner;
	struct renaming renaming = { .name = NULL };
	struct err err = ERR_INIT;

	if (json_decode_text(buf_bytes(body), body->len, rename_fields,
			     ARRAY_SIZE(rename_fields), 0, &renaming,
			     &err) < 0 ||
	    tmux_name_check(renaming.name, &err) < 0) {
		free(renaming.name);
		session_ask_fail(ask, &err);
		return;
	}
	ask->own = renaming.name;
	ask->fini = free_own;
	session_ask_look(ask, on_rename_looked);
}

void
session_api_rename(struct daemon *daemon, struct http_exchange *x,
		   const char *name)
{
	struct session_ask *ask = session_ask_new(daemon, x, name);

	if (ask)
		http_exchange_collect(x, MAX_BODY, on_rename_body);
}
