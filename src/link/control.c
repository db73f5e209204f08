/* SPDX-License-Identifier: ISC */

/*
 * The control API; see control.h.
 *
 * Here are its routes, and what is done at once.  An answer that takes time is
 * a struct of its own, which dies in the on_gone of its exchange and nowhere
 * else.
 */

#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/sock.h"
#include "core/text.h"
#include "http/server.h"
#include "wire/errors.h"
#include "link/control_parts.h"
#include "link/control_stream.h"
#include "link/events.h"
#include "link/front.h"

#define MAX_REQUEST (64u << 10)

#define JSON_TYPE "application/json; charset=utf-8"

typedef void handler_fn(struct control *control, struct http_exchange *x);

void
control_reply_error(struct http_exchange *x, const struct err *err)
{
	AUTO_BUF text = BUF_INIT(8192);

	(void)error_json_add(&text, err);
	(void)buf_addc(&text, '\n');
	http_reply(x, error_row(err->code)->http_status, JSON_TYPE,
		   buf_bytes(&text), text.len);
}

void
control_reply_json(struct http_exchange *x, struct buf *json)
{
	(void)buf_addc(json, '\n');
	http_reply(x, 200, JSON_TYPE, buf_bytes(json), json->len);
}

void
control_collect(struct control *control, struct http_exchange *x,
		http_body_fn *done)
{
	http_exchange_own(x, control, NULL);
	http_exchange_collect(x, MAX_REQUEST, done);
}

/* POST /v1/link/stream */

static void
on_stream(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct control *control = owner;

	control_stream_start(control->config.link, control->config.front, x,
			     body);
}

static void
open_stream(struct control *control, struct http_exchange *x)
{
	control_collect(control, x, on_stream);
}

/* POST /v1/link/stop */

static void
stop(struct control *control, struct http_exchange *x)
{
	AUTO_BUF text = BUF_INIT(64);

	(void)buf_adds(&text, "{\"stopping\":true}");
	control_reply_json(x, &text);
	control->config.on_stop(control->config.owner);
}

/* GET /v1/link/events */

struct follower {
	struct http_exchange *x;
	struct events_follower follower;
};

static void
on_event(const char *line, size_t n, void *owner)
{
	(void)http_reply_write(owner, line, n);
}

/* Who reads too slowly has to come again. */
static void
on_new_event(const char *line, size_t n, void *owner)
{
	if (http_reply_write(owner, line, n))
		http_exchange_abort(owner);
}

static void
on_follower_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct follower *follower = owner;

	events_unfollow(&follower->follower);
	free(follower);
}

static void
show_events(struct control *control, struct http_exchange *x)
{
	static const char *const known[] = { "follow", NULL };
	const struct http_head *head = http_exchange_head(x);
	AUTO_FREE char *unknown = http_head_unknown_query(head, known);
	AUTO_FREE char *follow = http_head_query(head, "follow");
	struct events *events = control->config.events;
	struct err err = ERR_INIT;

	if (unknown) {
		err_set(&err, ERR_INVALID, "%.64s: unknown query parameter",
			unknown);
		control_reply_error(x, &err);
		return;
	}
	http_reply_start(x, 200, CONTROL_NDJSON, -1);
	events_recent(events, on_event, x);
	if (follow && !str_eq(follow, "false")) {
		struct follower *follower = xcalloc(1, sizeof(*follower));

		follower->follower.on_line = on_new_event;
		follower->follower.owner = x;
		events_follow(events, &follower->follower);
		http_exchange_own(x, follower, on_follower_gone);
	} else {
		http_reply_end(x);
	}
}

/* Routing */

static const struct {
	const char *method, *path;
	bool is_prefix;
	handler_fn *handle;
} routes[] = {
	{ "GET", "/v1/link", false, control_show_link },
	{ "POST", "/v1/link/connect", false, control_connect },
	{ "POST", CONTROL_PROMPTS, true, control_answer },
	{ "POST", "/v1/link/stream", false, open_stream },
	{ "POST", "/v1/link/up", false, control_up },
	{ "POST", "/v1/link/down", false, control_down },
	{ "POST", "/v1/link/stop", false, stop },
	{ "GET", "/v1/link/events", false, show_events },
	{ "GET", "/metrics", false, control_show_metrics },
};

static void
on_request(struct http_exchange *x, void *owner)
{
	const struct http_head *head = http_exchange_head(x);
	struct err err = ERR_INIT;
	uid_t uid;
	pid_t pid;

	if (!sock_peer(http_exchange_fd(x), &uid, &pid) || uid != geteuid()) {
		err_set(&err, ERR_DENIED, "this is the link of uid %u",
			geteuid());
		control_reply_error(x, &err);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		bool fits = routes[i].is_prefix
				? str_starts(head->path, routes[i].path)
				: str_eq(head->path, routes[i].path);

		if (fits && str_eq(head->method, routes[i].method)) {
			routes[i].handle(owner, x);
			return;
		}
	}
	err_set(&err, ERR_NOT_FOUND, "a link has no %s %.200s", head->method,
		head->path);
	control_reply_error(x, &err);
}

struct control *
control_new(const struct control_config *config, int fd, struct err *err)
{
	static const struct http_guard guard = { .refuse_origin = true };
	struct control *control = xcalloc(1, sizeof(*control));
	const struct http_server_config server = { .loop = config->loop,
						   .on_request = on_request,
						   .owner = control,
						   .add_error =
						       error_json_add };

	control->config = *config;
	control->server = http_server_new(&server);
	if (http_server_listen(control->server, fd, &guard, err) == 0)
		return control;
	http_server_free(control->server);
	free(control);
	return NULL;
}

void
control_drain(struct control *control)
{
	http_server_drain(control->server);
}

size_t
control_n_conns(const struct control *control)
{
	return http_server_n_conns(control->server);
}

void
control_stop(struct control *control)
{
	if (control)
		http_server_free(TAKE(control->server));
}

void
control_free(struct control *control)
{
	free(control);
}
