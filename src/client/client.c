/* SPDX-License-Identifier: ISC */

/*
 * Calls and their connections; see client.h.
 *
 * A connection belongs to the client for good and carries one call at a time.
 * It is freed when the next call looks for one and finds it dead: never from
 * within one of its own callbacks.
 */

#include <string.h>
#include <sys/socket.h>

#include <uv.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/list.h"
#include "core/log.h"
#include "core/mem.h"
#include "wire/errors.h"
#include "client/client.h"

/* Until the head of the answer; a daemon that adopts answers late. */
#define HEAD_TIMEOUT_MS 30000

#define MAX_ERROR_BODY (64u << 10)

/*
 * A harmless call is repeated so often.  One death of a daemon may cost two
 * connections: the one it had, and one that its orphaned socket still took.
 */
#define MAX_ATTEMPTS 5
#define FIRST_PAUSE_MS 20
#define MAX_PAUSE_MS 1000

/*
 * Over a link it is repeated for so long: the way may be cut again and again.
 * The link says when it has given up, and then that is the end of it.
 */
#define LINK_GIVE_UP_MS 60000

/* A link hears of what goes past it as often as this. */
#define TELL_MS 500

struct conn {
	struct list link;
	struct http_client *http;
	int lease;	  /* of one that is near; -1 */
	uint64_t told_ms; /* when the link was told that it is alive */
	bool is_busy;
};

struct client {
	struct reach reach;
	struct uv_loop_s loop;
	struct list conns;
	struct list calls;
	enum { KIND_UNKNOWN, KIND_BERTHD, KIND_CODEXD } kind;
};

struct client_call {
	struct list link;
	struct client *client;
	struct conn *conn;
	struct http_call *http; /* NULL once it ended */
	const struct client_call_events *events;
	void *owner;

	/* The request, to repeat it. */
	char *method, *target, *type;
	struct http_header *headers;
	size_t n_headers;
	bool streams_body;
	const void *body;
	size_t body_len;
	bool may_repeat, is_patient, is_bulk;
	unsigned n_attempts;
	uint64_t broken_ms; /* when the first attempt failed; 0: none did */
	uv_timer_t retry;

	bool has_head;
	unsigned status;
	struct buf error_body;
};

static int start_http(struct client_call *call, struct err *err);

static void
conn_free(struct conn *conn)
{
	http_client_free(conn->http);
	fd_close(&conn->lease);
	list_unlink(&conn->link);
	free(conn);
}

static void
on_call_closed(uv_handle_t *handle)
{
	struct client_call *call = container_of((uv_timer_t *)handle,
						struct client_call, retry);

	free(call->method);
	free(call->target);
	free(call->type);
	for (size_t i = 0; i < call->n_headers; i++) {
		free((char *)(uintptr_t)call->headers[i].name);
		free((char *)(uintptr_t)call->headers[i].value);
	}
	free(call->headers);
	buf_fini(&call->error_body);
	free(call);
}

static void
call_free(struct client_call *call)
{
	list_unlink(&call->link);
	uv_close((uv_handle_t *)&call->retry, on_call_closed);
}

struct client *
client_new(const struct reach_config *config, struct err *err)
{
	struct client *client = xcalloc(1, sizeof(*client));

	list_init(&client->conns);
	list_init(&client->calls);
	if (reach_init(&client->reach, config, err) < 0) {
		reach_fini(&client->reach);
		free(client);
		return NULL;
	}
	if (uv_loop_init(&client->loop) != 0)
		abort();
	return client;
}

void
client_free(struct client *client)
{
	struct client_call *call;
	struct conn *conn;

	if (client == NULL)
		return;
	list_for_each (call, &client->calls, link) {
		if (call->events->on_drop)
			call->events->on_drop(call->owner);
		client_call_cancel(call);
	}
	list_for_each (conn, &client->conns, link)
		conn_free(conn);
	/* Handles close in the loop; those of others were closed before. */
	uv_run(&client->loop, UV_RUN_DEFAULT);
	uv_loop_close(&client->loop);
	reach_fini(&client->reach);
	free(client);
}

int
client_prepare(struct client *client, struct err *err)
{
	return reach_prepare(&client->reach, err);
}

struct uv_loop_s *
client_loop(struct client *client)
{
	return &client->loop;
}

const struct reach *
client_reach(const struct client *client)
{
	return &client->reach;
}

void
client_run(struct client *client)
{
	uv_run(&client->loop, UV_RUN_DEFAULT);
}

void
client_stop(struct client *client)
{
	uv_stop(&client->loop);
}

/* `fd', which is connected, is taken, even on failure. */
static struct http_client *
speak_http(struct client *client, int fd, struct err *err)
{
	struct http_client_config config = { .loop = &client->loop };
	struct http_client *http;

	/* Known by now: a tunnel ends at another port each time. */
	config.host = client->reach.host;
	config.token = client->reach.token;
	config.in_fd = config.out_fd = fd;
	http = http_client_new(&config, err);
	if (http == NULL)
		close(fd);
	return http;
}

struct http_client *
client_open_http(struct client *client, struct err *err)
{
	int fd = reach_connect(&client->reach, err);

	return fd < 0 ? NULL : speak_http(client, fd, err);
}

static struct conn *
conn_new(struct client *client, struct http_client *http)
{
	struct conn *conn;

	if (http == NULL)
		return NULL;
	conn = xcalloc(1, sizeof(*conn));
	conn->http = http;
	conn->lease = -1;
	list_append(&client->conns, &conn->link);
	return conn;
}

static struct conn *
conn_new_near(struct client *client, struct err *err)
{
	AUTO_CLOSE int lease = -1;
	int fd = reach_connect_near(&client->reach, &lease);
	struct conn *conn;

	if (fd < 0)
		return NULL;
	conn = conn_new(client, speak_http(client, fd, err));
	if (conn)
		conn->lease = TAKE_FD(lease);
	return conn;
}

/* An idle connection that still stands, a near one rather if `is_bulk'. */
static struct conn *
find_idle(struct client *client, bool is_bulk)
{
	struct conn *conn, *found = NULL;

	list_for_each (conn, &client->conns, link) {
		if (conn->is_busy)
			continue;
		if (!http_client_usable(conn->http))
			conn_free(conn);
		else if (found == NULL || (is_bulk && found->lease < 0))
			found = conn;
	}
	return found;
}

/* ... or a new one. */
static struct conn *
conn_find(struct client *client, bool is_bulk, struct err *err)
{
	struct conn *idle = find_idle(client, is_bulk);
	struct conn *near = NULL;

	if (is_bulk && (idle == NULL || idle->lease < 0))
		near = conn_new_near(client, err);
	if (near)
		return near;
	return idle ? idle : conn_new(client, client_open_http(client, err));
}

/*
 * Bytes have come, or what was written has been taken: on a slow wire an answer
 * to the link's own question waits behind them.
 */
static void
tell_alive(struct conn *conn)
{
	uint64_t now = clock_mono_ms();

	if (conn->lease < 0 || now - conn->told_ms < TELL_MS)
		return;
	conn->told_ms = now;
	(void)!send(conn->lease, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
on_head(struct http_call *http UNUSED, const struct http_head *head,
	void *owner)
{
	struct client_call *call = owner;

	call->has_head = true;
	call->status = head->status;
	log_debug("client", "answer", KV_STR("target", call->target),
		  KV_INT("status", call->status));
	if (head->status / 100 == 2 && call->events->on_head)
		call->events->on_head(call, head, call->owner);
}

static void
on_data(struct http_call *http UNUSED, const void *bytes, size_t n, void *owner)
{
	struct client_call *call = owner;

	tell_alive(call->conn);
	if (call->status / 100 == 2) {
		call->events->on_data(call, bytes, n, call->owner);
		return;
	}
	(void)buf_add(&call->error_body, bytes,
		      MIN(n, MAX_ERROR_BODY - call->error_body.len));
}

/* The end as the owner sees it; the call is freed before it is told. */
static void
end_call(struct client_call *call, const struct err *err)
{
	const struct client_call_events *events = call->events;
	void *owner = call->owner;

	events->on_end(call, err, owner);
	call_free(call);
}

static void on_retry(uv_timer_t *timer);

/*
 * An answer that is none may come from the link, whose way is cut just now, or
 * from the daemon, when whoever was to do it died before.
 */
static bool
may_help(const struct client_call *call, const struct err *why)
{
	bool is_linked = call->client->reach.is_linked;
	/* ERR_REMOTE: a daemon died while it started. */
	bool is_cut = why->code == ERR_UNREACHABLE ||
		      (why->code == ERR_REMOTE && !call->has_head);

	if (!call->may_repeat || !is_cut || why->is_final ||
	    (call->has_head && call->status / 100 == 2))
		return false;
	return is_linked ? clock_mono_ms() - call->broken_ms < LINK_GIVE_UP_MS
			 : call->n_attempts < MAX_ATTEMPTS;
}

/* Again after a pause, if that is harmless and may help. */
static bool
try_again(struct client_call *call, const struct err *why)
{
	uint64_t pause = FIRST_PAUSE_MS << MIN(call->n_attempts, 16u);

	if (call->broken_ms == 0)
		call->broken_ms = clock_mono_ms();
	if (!may_help(call, why))
		return false;
	call->has_head = false;
	buf_clear(&call->error_body);
	uv_timer_start(&call->retry, on_retry, MIN(pause, MAX_PAUSE_MS), 0);
	return true;
}

static void
on_retry(uv_timer_t *timer)
{
	struct client_call *call = container_of(timer, struct client_call,
						retry);
	struct err err = ERR_INIT;

	if (start_http(call, &err) < 0 && !try_again(call, &err))
		end_call(call, &err);
}

static void
on_end(struct http_call *http UNUSED, const struct err *why, void *owner)
{
	struct client_call *call = owner;
	struct err err = ERR_INIT;

	call->http = NULL;
	call->conn->is_busy = false;
	if (why == NULL && call->status / 100 != 2) {
		error_json_read(call->status, buf_bytes(&call->error_body),
				call->error_body.len, &err);
		if (err.code == ERR_UNAUTHORIZED)
			err_hint(&err, "show it the token with --token-file "
				       "FILE");
		reach_hint(client_reach(call->client), &err);
		why = &err;
	}
	if (why == NULL || !try_again(call, why))
		end_call(call, why);
}

static void
on_drain(struct http_call *http UNUSED, void *owner)
{
	struct client_call *call = owner;

	tell_alive(call->conn);
	if (call->events->on_drain)
		call->events->on_drain(call, call->owner);
}

static int
start_http(struct client_call *call, struct err *err)
{
	static const struct http_call_events events = { .on_head = on_head,
							.on_data = on_data,
							.on_end = on_end,
							.on_drain = on_drain };
	struct http_request request = { .method = call->method,
					.target = call->target,
					.type = call->type,
					.headers = call->headers,
					.n_headers = call->n_headers,
					.stream_body = call->streams_body,
					.body = call->body,
					.body_len = call->body_len,
					.timeout_ms = call->is_patient
							  ? 0
							  : HEAD_TIMEOUT_MS };

	/* What does not work is tried in the way that the link looks after. */
	call->conn = conn_find(call->client,
			       call->is_bulk && call->n_attempts == 0, err);
	call->n_attempts++;
	if (call->conn == NULL)
		return -1;
	log_debug("client", "request", KV_STR("method", call->method),
		  KV_STR("target", call->target));
	call->http = http_call_start(call->conn->http, &request, &events, call,
				     err);
	if (call->http == NULL)
		return -1;
	call->conn->is_busy = true;
	return 0;
}

static void
copy_headers(struct client_call *call, const struct http_request *request)
{
	call->n_headers = request->n_headers;
	call->headers = xcalloc(MAX(request->n_headers, (size_t)1),
				sizeof(*call->headers));
	for (size_t i = 0; i < request->n_headers; i++) {
		call->headers[i].name = xstrdup(request->headers[i].name);
		call->headers[i].value = xstrdup(request->headers[i].value);
	}
}

struct client_call *
client_call_start(struct client *client, const struct http_request *request,
		  unsigned flags, const struct client_call_events *events,
		  void *owner, struct err *err)
{
	struct client_call *call = xcalloc(1, sizeof(*call));

	call->client = client;
	call->events = events;
	call->owner = owner;
	call->method = xstrdup(request->method);
	call->target = xstrdup(request->target);
	call->type = request->type ? xstrdup(request->type) : NULL;
	call->body = request->body;
	call->body_len = request->body_len;
	copy_headers(call, request);
	call->streams_body = request->stream_body;
	call->may_repeat = (flags & CLIENT_REPEAT) && !request->stream_body;
	call->is_patient = flags & CLIENT_PATIENT;
	call->is_bulk = flags & CLIENT_BULK;
	buf_init(&call->error_body, MAX_ERROR_BODY);
	uv_timer_init(&client->loop, &call->retry);
	list_append(&client->calls, &call->link);
	if (start_http(call, err) < 0) {
		call_free(call);
		return NULL;
	}
	return call;
}

bool
client_call_write(struct client_call *call, const void *bytes, size_t n)
{
	return call->http && http_call_write(call->http, bytes, n);
}

bool
client_call_write_file(struct client_call *call, int fd, uint64_t offset,
		       uint64_t n)
{
	return call->http && http_call_write_file(call->http, fd, offset, n);
}

void
client_call_write_end(struct client_call *call)
{
	if (call->http)
		http_call_write_end(call->http);
}

void
client_call_pause(struct client_call *call)
{
	if (call->http)
		http_call_pause(call->http);
}

void
client_call_resume(struct client_call *call)
{
	if (call->http)
		http_call_resume(call->http);
}

void
client_call_cancel(struct client_call *call)
{
	if (call->http) {
		http_call_cancel(call->http);
		call->conn->is_busy = false;
	}
	call_free(call);
}

/* One call from start to end. */
struct once {
	struct client *client;
	struct buf *out;
	struct err err;
	bool is_over, failed;
};

static void
once_on_data(struct client_call *call, const void *bytes, size_t n, void *owner)
{
	struct once *once = owner;

	if (buf_add(once->out, bytes, n) == 0)
		return;
	once->is_over = once->failed = true;
	err_set(&once->err, ERR_LIMIT, "the answer has more than %zu bytes",
		once->out->max);
	client_stop(once->client);
	client_call_cancel(call);
}

static void
once_on_end(struct client_call *call UNUSED, const struct err *err, void *owner)
{
	struct once *once = owner;

	once->is_over = true;
	once->failed = err != NULL;
	if (err)
		once->err = *err;
	client_stop(once->client);
}

int
client_call(struct client *client, const struct http_request *request,
	    unsigned flags, struct buf *out, struct err *err)
{
	static const struct client_call_events events = {
		.on_data = once_on_data, .on_end = once_on_end
	};
	struct once once = { .client = client, .out = out };

	if (client_call_start(client, request, flags, &events, &once, err) ==
	    NULL)
		return -1;
	/* Somebody may have stopped the loop before, for another reason. */
	while (!once.is_over)
		client_run(client);
	if (!once.failed)
		return 0;
	*err = once.err;
	return -1;
}

int
client_get(struct client *client, const char *target, struct buf *out,
	   struct err *err)
{
	struct http_request request = { .method = "GET", .target = target };

	return client_call(client, &request, CLIENT_REPEAT, out, err);
}

int
client_post(struct client *client, const char *target, const struct buf *body,
	    unsigned flags, struct buf *out, struct err *err)
{
	struct http_request request = { .method = "POST",
					.target = target,
					.type = "application/json",
					.body = body ? buf_bytes(body) : NULL,
					.body_len = body ? body->len : 0 };

	return client_call(client, &request, flags, out, err);
}

int
client_is_berthd(struct client *client, bool *ret, struct err *err)
{
	AUTO_BUF answer = BUF_INIT(MAX_ERROR_BODY);

	if (client->reach.address == NULL)
		client->kind = KIND_BERTHD;
	if (client->kind == KIND_UNKNOWN) {
		if (client_get(client, "/v1/hello", &answer, err) == 0)
			client->kind = KIND_BERTHD;
		else if (err->code == ERR_NOT_FOUND)
			client->kind = KIND_CODEXD;
		else
			return -1;
	}
	*ret = client->kind == KIND_BERTHD;
	return 0;
}
