/* SPDX-License-Identifier: ISC */

/*
 * A session on a terminal; see session_attach.h.
 *
 * Connecting is one HTTP request that is upgraded.  Of `http', `call' and
 * `stream' at most one pair is there: the first two while connecting, the last
 * one while attached.
 */

#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include <uv.h>

#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/client.h"
#include "http/stream.h"
#include "wire/duplex.h"
#include "wire/errors.h"
#include "client/client.h"
#include "client/session_attach.h"
#include "client/target.h"

#define FIRST_PAUSE_MS 50
#define MAX_PAUSE_MS 2000

/* Before it was ever attached; one death of a daemon may cost two. */
#define MAX_FIRST_ATTEMPTS 5
#define HEAD_TIMEOUT_MS 30000
#define MAX_ERROR_BODY (64u << 10)

/* tmux restores the terminal in milliseconds; a dead link never does. */
#define LEAVE_MS 1000

struct session_attach {
	struct session_attach_config config;
	char *target;
	uint64_t cols, rows;
	struct http_client *http;
	struct http_call *call;
	struct stream *stream;
	struct duplex duplex;
	unsigned status;
	struct buf error_body;
	uv_timer_t retry;    /* the next attempt */
	uv_timer_t deadline; /* of leaving */
	unsigned n_handles;
	uint64_t pause_ms;
	unsigned n_attempts; /* without success */
	bool was_attached;
	bool is_lost; /* said so */
	bool is_leaving;
	bool is_over; /* on_end was called */
};

static const struct json_field fields[] = {
	JSON_F(struct session_left, reason, STR, true),
	JSON_F(struct session_left, exit_code, INT, false),
	JSON_F(struct session_left, signal, INT, false),
};

static void connect_later(struct session_attach *a, uint64_t ms);

/* Drop the connection, in whichever state it is. */
static void
disconnect(struct session_attach *a)
{
	if (a->call)
		http_call_cancel(a->call);
	a->call = NULL;
	http_client_free(a->http);
	a->http = NULL;
	stream_close(a->stream);
	a->stream = NULL;
}

static void
finish(struct session_attach *a, const struct session_left *left,
       const struct err *err)
{
	if (a->is_over)
		return;
	a->is_over = true;
	disconnect(a);
	(void)uv_timer_stop(&a->retry);
	(void)uv_timer_stop(&a->deadline);
	a->config.on_end(left, err, a->config.owner);
}

static bool
may_help(const struct err *err)
{
	return err->code == ERR_UNREACHABLE || err->code == ERR_TIMEOUT ||
	       err->code == ERR_REMOTE;
}

/* It broke, or could not be made. */
static void
lose(struct session_attach *a, const struct err *err)
{
	struct session_left left = { .reason = (char[]){ "detached" },
				     .exit_code = -1 };

	disconnect(a);
	if (a->is_leaving) {
		finish(a, &left, NULL);
		return;
	}
	if (!may_help(err) ||
	    (!a->was_attached && ++a->n_attempts >= MAX_FIRST_ATTEMPTS)) {
		finish(a, NULL, err);
		return;
	}
	if (!a->is_lost && a->was_attached)
		a->config.on_lost(err, a->config.owner);
	a->is_lost = true;
	connect_later(a, a->pause_ms);
	a->pause_ms = MIN(a->pause_ms * 2, (uint64_t)MAX_PAUSE_MS);
}

/* Attached */

static int
take_end(struct session_attach *a, const void *bytes, size_t n)
{
	struct session_left left = { .exit_code = -1 };
	struct err err = ERR_INIT;

	if (json_decode_text(bytes, n, fields, ARRAY_SIZE(fields),
			     JSON_UNKNOWN_OK, &left, &err) < 0) {
		json_fields_fini(fields, ARRAY_SIZE(fields), &left);
		return -1;
	}
	finish(a, &left, NULL);
	json_fields_fini(fields, ARRAY_SIZE(fields), &left);
	return -1;
}

static int
on_frame(unsigned type, const void *bytes, size_t n, void *owner)
{
	struct session_attach *a = owner;

	if (type == DUPLEX_EXIT)
		return take_end(a, bytes, n);
	if (type == DUPLEX_STDOUT &&
	    a->config.on_output(bytes, n, a->config.owner))
		stream_pause(a->stream);
	return 0;
}

static void
on_stream_data(struct stream *stream UNUSED, const void *bytes, size_t n,
	       void *owner)
{
	struct session_attach *a = owner;
	struct err err = ERR_INIT;

	if (duplex_feed(&a->duplex, bytes, n, &err) == 0 || a->is_over)
		return;
	if (err.code == ERR_NONE)
		err_set(&err, ERR_PROTO, "the daemon's last word is malformed");
	finish(a, NULL, &err);
}

static void
on_stream_end(struct stream *stream UNUSED, const struct err *why, void *owner)
{
	struct session_attach *a = owner;
	struct err err = ERR_INIT;

	err_set(&err, ERR_UNREACHABLE, "the connection broke%s%s",
		why ? ": " : "", why ? why->msg : "");
	lose(a, &err);
}

static void
send_frame(struct session_attach *a, unsigned type, const void *bytes, size_t n)
{
	uint8_t header[DUPLEX_HEADER_SIZE];
	struct iovec pieces[2] = { { header, sizeof(header) },
				   { (void *)(uintptr_t)bytes, n } };

	duplex_header(header, type, (uint32_t)n);
	(void)stream_writev(a->stream, pieces, n > 0 ? 2 : 1, false);
}

static void
send_size(struct session_attach *a)
{
	AUTO_BUF text = BUF_INIT(128);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_u64(&w, "cols", a->cols);
	jsonw_u64(&w, "rows", a->rows);
	jsonw_object_end(&w);
	send_frame(a, DUPLEX_RESIZE, buf_bytes(&text), text.len);
}

/* Connecting */

static void
take_over(struct session_attach *a)
{
	static const struct stream_events events = { .on_data = on_stream_data,
						     .on_end = on_stream_end };

	a->stream = http_call_upgrade(a->call);
	a->call = NULL;
	a->http = NULL;
	duplex_fini(&a->duplex);
	duplex_init(&a->duplex, on_frame, a);
	stream_set_events(a->stream, &events, a);
	stream_resume(a->stream);
	a->pause_ms = FIRST_PAUSE_MS;
	a->is_lost = false;
	a->was_attached = true;
	/* The terminal may have changed while there was no connection. */
	send_size(a);
	a->config.on_back(a->config.owner);
}

static void
on_head(struct http_call *call UNUSED, const struct http_head *head,
	void *owner)
{
	struct session_attach *a = owner;

	a->status = head->status;
	if (head->status == 101)
		take_over(a);
}

static void
on_data(struct http_call *call UNUSED, const void *bytes, size_t n, void *owner)
{
	struct session_attach *a = owner;

	(void)buf_add(&a->error_body, bytes,
		      MIN(n, MAX_ERROR_BODY - a->error_body.len));
}

static void
on_end(struct http_call *call UNUSED, const struct err *why, void *owner)
{
	struct session_attach *a = owner;
	struct err err = ERR_INIT;

	a->call = NULL;
	if (why)
		err = *why;
	else
		error_json_read(a->status, buf_bytes(&a->error_body),
				a->error_body.len, &err);
	reach_hint(client_reach(a->config.client), &err);
	lose(a, &err);
}

static int
start_call(struct session_attach *a, struct err *err)
{
	static const struct http_call_events events = { .on_head = on_head,
							.on_data = on_data,
							.on_end = on_end };
	static const struct http_header headers[] = {
		{ "Connection", "Upgrade" }, { "Upgrade", DUPLEX_PROTOCOL }
	};
	struct http_request request = { .method = "GET",
					.target = a->target,
					.headers = headers,
					.n_headers = ARRAY_SIZE(headers),
					.timeout_ms = HEAD_TIMEOUT_MS };

	a->http = client_open_http(a->config.client, err);
	if (a->http == NULL)
		return -1;
	buf_clear(&a->error_body);
	a->call = http_call_start(a->http, &request, &events, a, err);
	return a->call ? 0 : -1;
}

static void
on_retry(uv_timer_t *timer)
{
	struct session_attach *a = container_of(timer, struct session_attach,
						retry);
	struct err err = ERR_INIT;

	if (start_call(a, &err) < 0)
		lose(a, &err);
}

static void
connect_later(struct session_attach *a, uint64_t ms)
{
	(void)uv_timer_start(&a->retry, on_retry, ms, 0);
}

static char *
make_target(const struct session_attach_config *config)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);

	target_path(&target, "/v1/session/", config->name, "/attach");
	target_add_number(&target, "cols", config->cols);
	target_add_number(&target, "rows", config->rows);
	target_add(&target, "term", config->term);
	target_add(&target, "colorterm", config->colorterm);
	target_add(&target, "size", config->size);
	target_add(&target, "utf8", config->is_utf8 ? "true" : NULL);
	target_add(&target, "read_only", config->is_read_only ? "true" : NULL);
	target_add(&target, "alone", config->is_alone ? "true" : NULL);
	return xstrdup(buf_text(&target));
}

struct session_attach *
session_attach_start(const struct session_attach_config *config)
{
	struct session_attach *a = xcalloc(1, sizeof(*a));
	struct uv_loop_s *loop = client_loop(config->client);

	a->config = *config;
	a->target = make_target(config);
	a->cols = config->cols;
	a->rows = config->rows;
	a->pause_ms = FIRST_PAUSE_MS;
	buf_init(&a->error_body, MAX_ERROR_BODY);
	duplex_init(&a->duplex, on_frame, a);
	(void)uv_timer_init(loop, &a->retry);
	(void)uv_timer_init(loop, &a->deadline);
	a->n_handles = 2;
	connect_later(a, 0);
	return a;
}

static void
on_closed(struct session_attach *a)
{
	if (--a->n_handles > 0)
		return;
	free(a->target);
	buf_fini(&a->error_body);
	duplex_fini(&a->duplex);
	free(a);
}

static void
on_retry_closed(uv_handle_t *handle)
{
	on_closed(
	    container_of((uv_timer_t *)handle, struct session_attach, retry));
}

static void
on_deadline_closed(uv_handle_t *handle)
{
	on_closed(container_of((uv_timer_t *)handle, struct session_attach,
			       deadline));
}

void
session_attach_free(struct session_attach *a)
{
	if (a == NULL)
		return;
	disconnect(a);
	uv_close((uv_handle_t *)&a->retry, on_retry_closed);
	uv_close((uv_handle_t *)&a->deadline, on_deadline_closed);
}

void
session_attach_input(struct session_attach *a, const void *bytes, size_t n)
{
	if (a->stream && n > 0)
		send_frame(a, DUPLEX_STDIN, bytes, n);
}

void
session_attach_resize(struct session_attach *a, uint64_t cols, uint64_t rows)
{
	a->cols = cols;
	a->rows = rows;
	if (a->stream)
		send_size(a);
}

void
session_attach_more(struct session_attach *a)
{
	if (a->stream)
		stream_resume(a->stream);
}

static void
on_leave_deadline(uv_timer_t *timer)
{
	struct session_attach *a = container_of(timer, struct session_attach,
						deadline);
	struct session_left left = { .reason = (char[]){ "detached" },
				     .exit_code = -1 };

	finish(a, &left, NULL);
}

void
session_attach_leave(struct session_attach *a)
{
	uint64_t ms = a->stream ? LEAVE_MS : 0;

	a->is_leaving = true;
	if (a->stream)
		send_frame(a, DUPLEX_STDIN, NULL, 0);
	(void)uv_timer_start(&a->deadline, on_leave_deadline, ms, 0);
}
