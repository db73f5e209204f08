/* SPDX-License-Identifier: ISC */

/*
 * A connection of the HTTP server and its requests, one after the other.
 *
 * conn_run takes steps as long as there is one to take: read a head, call the
 * handler, feed the body to who wants it, finish the exchange when its answer
 * has been sent and its body consumed.  Input that cannot be used yet (the next
 * request, a body nobody has asked for) goes back into the stream, which then
 * stops reading; so a client can make us keep one read's worth.  Otherwise
 * reading goes on while the handler thinks, since that is how we learn that
 * the peer has gone.
 *
 * Handlers are called from conn_run only.  After any such call the exchange
 * may be gone and the stream handed over or closed: each step starts by
 * looking.
 *
 * One timer per connection serves all deadlines.  It is not moved when a
 * deadline moves away: it fires, sees that it is early, and sleeps again.
 */

#include <assert.h>
#include <strings.h>
#include <sys/ioctl.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/stream.h"

#include "http/conn.h"

/* A body nobody wants is read up to here to keep the connection. */
#define MAX_DROPPED (64u << 10)

/* So much of a body has to come per body_timeout_ms. */
#define BODY_PROGRESS (16u << 10)

/* For a request that was on its way when the server began to drain. */
#define LAST_REQUEST_MS 100

static void
on_handle_closed(uv_handle_t *handle)
{
	struct conn *conn = handle->data;
	struct http_server *server = conn->server;

	if (--conn->n_handles > 0)
		return;
	parser_fini(&conn->parser);
	free(conn);
	server_unref(server);
}

/* The stream is closed or given away, and no exchange is left. */
static void
conn_free(struct conn *conn)
{
	list_unlink(&conn->link);
	uv_close((uv_handle_t *)&conn->later, on_handle_closed);
	uv_close((uv_handle_t *)&conn->deadline, on_handle_closed);
	server_on_conn_closed(conn->server);
}

/* Take the exchange off the connection, and tell its handler last. */
static void
end_exchange(struct conn *conn)
{
	struct http_exchange *x = TAKE(conn->x);

	if (x == NULL)
		return;
	if (x->on_gone)
		x->on_gone(x, x->owner);
	exchange_free(x);
}

static void
conn_close(struct conn *conn)
{
	struct stream *stream = TAKE(conn->stream);

	if (conn->is_broken)
		stream_close(stream);
	else
		stream_close_after_write(stream);
	conn_free(conn);
	end_exchange(conn);
}

struct stream *
conn_hand_over(struct conn *conn)
{
	struct stream *stream = TAKE(conn->stream);

	stream_pause(stream);
	stream_set_events(stream, NULL, NULL);
	if (conn->n_rest > 0)
		stream_unread(stream, conn->rest, conn->n_rest);
	conn->n_rest = 0;
	exchange_free(TAKE(conn->x));
	conn_free(conn);
	return stream;
}

bool
conn_is_idle(const struct conn *conn)
{
	return conn->stream && !conn->is_busy && !conn->is_broken &&
	       !conn->is_done && !conn->is_ended && !conn->has_leftover &&
	       conn->x == NULL && conn->wait == WAIT_REQUEST &&
	       stream_pending(conn->stream) == 0 && !conn->is_pair;
}

/*
 * Deadlines
 */

static uint64_t
timeout_of(const struct conn *conn, enum conn_wait wait)
{
	const struct http_server_config *config = &conn->server->config;

	switch (wait) {
	case WAIT_REQUEST:
		return conn->server->is_draining ? LAST_REQUEST_MS
						 : config->idle_timeout_ms;
	case WAIT_HEAD:
		return config->head_timeout_ms;
	case WAIT_BODY:
		return config->body_timeout_ms;
	default:
		return 0;
	}
}

static void on_deadline(uv_timer_t *);

static void
set_timer(struct conn *conn, uint64_t now)
{
	if (conn->timer_ms != 0 && conn->timer_ms <= conn->due_ms)
		return;
	conn->timer_ms = conn->due_ms;
	uv_timer_start(&conn->deadline, on_deadline, conn->due_ms - now, 0);
}

/* What is waited for now; a deadline that runs already stays. */
static void
set_wait(struct conn *conn, enum conn_wait wait)
{
	uint64_t now = uv_now(conn->later.loop);

	if (conn->wait == wait)
		return;
	conn->wait = wait;
	conn->due_ms = 0;
	if (wait == WAIT_NOTHING)
		return;
	conn->due_ms = now + timeout_of(conn, wait);
	set_timer(conn, now);
}

/*
 * Who connected a moment ago has not asked yet, and would find a broken
 * connection; so would one whose next request lies unread in the socket.
 */
void
conn_drain(struct conn *conn)
{
	int unread = 0;

	if (conn->stream)
		(void)ioctl(stream_fd(conn->stream), FIONREAD, &unread);
	if (conn->x == NULL && conn->wait != WAIT_HEAD && conn->has_asked &&
	    unread == 0)
		conn->is_broken = true;
	/* A wait that has begun gets its new deadline. */
	if (conn->wait == WAIT_REQUEST)
		set_wait(conn, WAIT_NOTHING);
	conn_later(conn);
}

static void
on_due(struct conn *conn)
{
	if (conn->wait == WAIT_HEAD)
		conn_refuse(conn, 408, "the head took too long");
	else if (conn->wait == WAIT_BODY && conn->x)
		conn_refuse(conn, 408, "the body took too long");
	else
		conn->is_done = true;
}

static void conn_run(struct conn *);

static void
on_deadline(uv_timer_t *timer)
{
	struct conn *conn = container_of(timer, struct conn, deadline);
	uint64_t now = uv_now(timer->loop);

	conn->timer_ms = 0;
	if (conn->due_ms == 0)
		return;
	if (now < conn->due_ms) {
		set_timer(conn, now);
		return;
	}
	on_due(conn);
	conn_run(conn);
}

/*
 * Steps: each returns whether there may be another
 */

/* Is `host' the name before ":*", with a port or without? */
static bool
is_name_with_port(const char *host, const char *name, size_t len)
{
	const char *port = host + len;

	if (strncasecmp(host, name, len) != 0)
		return false;
	return *port == '\0' ||
	       (port[0] == ':' && port[1] &&
		port[1 + strspn(port + 1, "0123456789")] == '\0');
}

static bool
is_allowed_host(const struct http_guard *guard, const char *host)
{
	for (size_t i = 0; host && guard->hosts[i]; i++) {
		const char *allowed = guard->hosts[i];
		size_t len = strlen(allowed);

		if (str_ends(allowed, ":*")
			? is_name_with_port(host, allowed, len - 2)
			: strcasecmp(allowed, host) == 0)
			return true;
	}
	return false;
}

/* Does the listener let the request pass?  Refuses it otherwise. */
static bool
pass_guard(struct conn *conn)
{
	const struct http_guard *guard = conn->guard;
	const struct http_head *head = &conn->parser.head;
	const char *expect = http_head_find(head, "Expect");

	if (guard->refuse_origin && http_head_find(head, "Origin"))
		conn_refuse(conn, 403, "requests of web pages are refused");
	else if (guard->hosts &&
		 !is_allowed_host(guard, http_head_find(head, "Host")))
		conn_refuse(conn, 421, "this Host is not served here");
	else if (expect && strcasecmp(expect, "100-continue") != 0)
		conn_refuse(conn, 417, "unknown expectation");
	else if (str_eq(head->method, "CONNECT"))
		conn_refuse(conn, 501, "not a proxy");
	else
		return true;
	return false;
}

/* Is a body announced that is larger than what is read unasked? */
static bool
is_too_large(const struct conn *conn)
{
	size_t max = conn->server->config.max_body;

	return max > 0 && conn->parser.body == BODY_LENGTH &&
	       conn->parser.left > max;
}

static void
start_exchange(struct conn *conn)
{
	struct http_server *server = conn->server;
	const struct http_head *head = &conn->parser.head;
	struct http_exchange *x;

	/* From here on nobody drips: the handler decides what is waited for. */
	set_wait(conn, WAIT_NOTHING);
	conn->keep_alive = head->keep_alive;
	if (!pass_guard(conn))
		return;

	x = xcalloc(1, sizeof(*x));
	x->conn = conn;
	x->expects_continue = conn->parser.minor > 0 &&
			      parser_has_body(&conn->parser) &&
			      http_head_find(head, "Expect");
	x->has_body = !str_eq(head->method, "HEAD");
	x->headers = x->before = x->held = (struct buf)BUF_INIT(SIZE_MAX - 1);
	conn->x = x;
	server->config.on_request(x, server->config.owner);

	if (conn->x && x->mode == BODY_UNCLAIMED && x->reply == REPLY_NONE &&
	    is_too_large(conn))
		conn_refuse(conn, 413, "the body is too large");
}

static bool
next_head(struct conn *conn)
{
	const uint8_t *data;
	size_t n;

	if (conn->n_rest == 0) {
		if (!conn->is_ended)
			return false;
		if (parser_is_started(&conn->parser))
			conn_refuse(conn, 400, "the head ended early");
		else
			conn->is_done = true;
		return true;
	}
	switch (
	    parser_next(&conn->parser, &conn->rest, &conn->n_rest, &data, &n)) {
	case PARSER_HEAD:
		start_exchange(conn);
		return true;
	case PARSER_BAD:
		conn_refuse(conn, conn->parser.status, conn->parser.why);
		return true;
	default:
		return conn->is_ended;
	}
}

static bool
wants_body(const struct http_exchange *x)
{
	return x->mode != BODY_UNCLAIMED && !x->is_paused && !x->is_end_told;
}

/* A stalled body has a deadline; a body that comes along gets a new one. */
static void
note_progress(struct conn *conn, size_t n)
{
	struct http_exchange *x = conn->x;

	x->n_progress += n;
	if (x->n_progress < BODY_PROGRESS)
		return;
	x->n_progress = 0;
	set_wait(conn, WAIT_NOTHING);
}

static void
give_data(struct conn *conn, const uint8_t *data, size_t n)
{
	struct http_exchange *x = conn->x;

	note_progress(conn, n);
	if (x->mode == BODY_STREAMED)
		x->on_data(x, data, n, x->owner);
	else if (buf_add(&x->body, data, n) < 0)
		conn_refuse(conn, 413, "the body is too large");
}

static void
give_end(struct conn *conn)
{
	struct http_exchange *x = conn->x;

	x->is_end_told = true;
	if (x->mode == BODY_STREAMED)
		x->on_data(x, NULL, 0, x->owner);
	else
		x->on_body(x, &x->body, x->owner);
}

static bool
next_body(struct conn *conn)
{
	const uint8_t *data;
	size_t n;

	switch (
	    parser_next(&conn->parser, &conn->rest, &conn->n_rest, &data, &n)) {
	case PARSER_DATA:
		give_data(conn, data, n);
		return true;
	case PARSER_END:
		give_end(conn);
		return true;
	case PARSER_BAD:
		conn_refuse(conn, conn->parser.status, conn->parser.why);
		return true;
	default:
		if (!conn->is_ended)
			return false;
		conn_refuse(conn, 400, "the body ended early");
		return true;
	}
}

static void
expect_next(struct conn *conn)
{
	conn->is_dropping = false;
	conn->n_dropped = 0;
	parser_reset(&conn->parser);
}

/* What is left of a body whose request has been answered. */
static bool
drop_body(struct conn *conn)
{
	const uint8_t *data;
	size_t n;

	switch (
	    parser_next(&conn->parser, &conn->rest, &conn->n_rest, &data, &n)) {
	case PARSER_DATA:
		conn->n_dropped += n;
		conn->is_done = conn->n_dropped > MAX_DROPPED;
		return true;
	case PARSER_END:
		expect_next(conn);
		return true;
	case PARSER_BAD:
		conn->is_done = true;
		return true;
	default:
		conn->is_done = conn->is_ended;
		return conn->is_done;
	}
}

/* The answer has been sent: on to the next request, or close. */
static void
finish_exchange(struct conn *conn)
{
	if (!conn->keep_alive || conn->server->is_draining) {
		conn->is_done = true;
		return;
	}
	set_wait(conn, WAIT_NOTHING);
	conn->has_asked = true;
	conn->is_dropping = parser_has_body(&conn->parser);
	if (!conn->is_dropping)
		expect_next(conn);
	end_exchange(conn);
}

static bool
is_sent(const struct conn *conn)
{
	const struct http_exchange *x = conn->x;

	return x->reply == REPLY_ENDED && x->before.len == 0 &&
	       x->held.len == 0 && stream_pending(conn->stream) == 0;
}

static bool
conn_step(struct conn *conn)
{
	struct http_exchange *x = conn->x;

	if (conn->stream == NULL)
		return false;
	if (conn->is_broken || conn->is_done) {
		conn_close(conn);
		return false;
	}
	if (x == NULL)
		return conn->is_dropping ? drop_body(conn) : next_head(conn);
	if (is_sent(conn)) {
		finish_exchange(conn);
		return true;
	}
	if (wants_body(x))
		return next_body(conn);
	return false;
}

/* Nothing more to do for now: what to wait for? */
static void
settle(struct conn *conn)
{
	struct http_exchange *x = conn->x;
	bool can_take = x == NULL || wants_body(x);

	if (conn->n_rest > 0) {
		stream_unread(conn->stream, conn->rest, conn->n_rest);
		conn->has_leftover = true;
		conn->n_rest = 0;
	}
	if (can_take || (!conn->has_leftover && !x->is_paused))
		stream_resume(conn->stream);
	else
		stream_pause(conn->stream);

	if (x)
		set_wait(conn, can_take ? WAIT_BODY : WAIT_NOTHING);
	else if (conn->is_dropping)
		set_wait(conn, WAIT_BODY);
	else
		set_wait(conn, parser_is_started(&conn->parser) ? WAIT_HEAD
								: WAIT_REQUEST);
}

static void
conn_run(struct conn *conn)
{
	conn->is_busy = true;
	while (conn_step(conn))
		;
	conn->is_busy = false;
	if (conn->stream == NULL)
		return;
	if (conn->x)
		exchange_flush(conn->x);
	settle(conn);
}

static void
on_later(uv_idle_t *later)
{
	struct conn *conn = container_of(later, struct conn, later);

	uv_idle_stop(later);
	if (conn->stream)
		conn_run(conn);
}

void
conn_later(struct conn *conn)
{
	if (!conn->is_busy)
		uv_idle_start(&conn->later, on_later);
}

/*
 * The stream's callbacks
 */

static void
on_data(struct stream *stream UNUSED, const void *bytes, size_t n, void *owner)
{
	struct conn *conn = owner;

	conn->rest = bytes;
	conn->n_rest = n;
	conn->has_leftover = false;
	conn_run(conn);
}

static void
on_end(struct stream *stream UNUSED, const struct err *err, void *owner)
{
	struct conn *conn = owner;
	struct http_exchange *x = conn->x;

	conn->is_ended = true;
	/*
	 * A unix socket or a pipe says when the peer has gone altogether.  TCP
	 * cannot tell a half-closed connection from a closed one; nobody who
	 * waits for an answer half-closes, so it is taken for closed.
	 */
	if (err || (conn->is_tcp && x && x->reply != REPLY_ENDED))
		conn->is_broken = true;
	conn_run(conn);
}

static void
on_drain(struct stream *stream UNUSED, void *owner)
{
	struct conn *conn = owner;
	struct http_exchange *x = conn->x;

	conn->is_busy = true;
	if (x && x->on_drain && x->reply == REPLY_STARTED)
		x->on_drain(x, x->owner);
	conn->is_busy = false;
	if (conn->stream)
		conn_run(conn);
}

static void
on_sent(struct stream *stream UNUSED, void *owner)
{
	conn_run(owner);
}

static const struct stream_events conn_events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
	.on_sent = on_sent,
};

int
conn_new(struct http_server *server, int in_fd, int out_fd, bool is_tcp,
	 const struct http_guard *guard, struct err *err)
{
	struct conn *conn = xcalloc(1, sizeof(*conn));
	uv_loop_t *loop = server->config.loop;

	conn->stream = stream_new(loop, in_fd, out_fd, &conn_events, conn, err);
	if (conn->stream == NULL) {
		free(conn);
		return -1;
	}
	conn->server = server;
	conn->guard = guard;
	conn->is_tcp = is_tcp;
	conn->is_pair = in_fd != out_fd;
	parser_init(&conn->parser, PARSER_REQUEST);
	uv_idle_init(loop, &conn->later);
	uv_timer_init(loop, &conn->deadline);
	conn->later.data = conn->deadline.data = conn;
	conn->n_handles = 2;
	server->n_refs++;
	server->n_conns++;
	server->peak = MAX(server->peak, server->n_conns);
	list_append(&server->conns, &conn->link);
	settle(conn);
	return 0;
}
