/* SPDX-License-Identifier: ISC */

/*
 * What handlers do with an exchange; see server.h.
 *
 * Nothing here calls a handler.  Answers go to the stream; small pieces of a
 * streamed answer are held until the handler returns to the loop (or 16 KiB
 * have come together), so that the head and a first line, or a hundred lines,
 * make one write and one chunk.
 *
 * An exchange whose connection broke, or that was answered by the server
 * itself, takes all further calls and does nothing: its handler will learn it
 * from on_gone.
 */

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/conn.h"
#include "http/stream.h"

#include "http/server.h"

#define HOLD_MAX (16u << 10)

/* An undeclared body up to here is read and dropped to keep a connection. */
#define MAX_KEPT (64u << 10)

static bool
is_dead(const struct http_exchange *x)
{
	return x->is_refused || x->conn->is_broken || x->conn->is_done;
}

static void
add_number(struct buf *out, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	buf_add(out, digits + i, sizeof(digits) - i);
}

/* "Sat, 21 Nov 2026 09:30:00 GMT", made once a second. */
static const char *
date(struct http_server *server)
{
	time_t seconds = (time_t)(clock_wall_ns() / NS_PER_S);
	struct tm tm;

	if (server->date_s != (uint64_t)seconds) {
		server->date_s = (uint64_t)seconds;
		gmtime_r(&seconds, &tm);
		strftime(server->date, sizeof(server->date),
			 "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return server->date;
}

static bool
has_no_body(unsigned status)
{
	return status < 200 || status == 204 || status == 304;
}

static void
add_length(struct buf *out, const struct conn *conn, unsigned status,
	   int64_t length)
{
	if (has_no_body(status))
		return;
	if (length >= 0) {
		buf_adds(out, "Content-Length: ");
		add_number(out, (uint64_t)length);
		buf_adds(out, "\r\n");
	} else if (conn->parser.minor > 0) {
		buf_adds(out, "Transfer-Encoding: chunked\r\n");
	}
}

/* The head of an answer; `length' -1: chunks. */
static void
add_head(struct buf *out, struct conn *conn, unsigned status, const char *type,
	 int64_t length)
{
	buf_adds(out, "HTTP/1.1 ");
	add_number(out, status);
	buf_addc(out, ' ');
	buf_adds(out, parser_reason(status));
	buf_adds(out, "\r\nDate: ");
	buf_adds(out, date(conn->server));
	buf_adds(out, "\r\n");
	if (type && !has_no_body(status)) {
		buf_adds(out, "Content-Type: ");
		buf_adds(out, type);
		buf_adds(out, "\r\n");
	}
	add_length(out, conn, status, length);
	if (conn->x && conn->x->headers.len > 0)
		buf_add(out, buf_bytes(&conn->x->headers),
			conn->x->headers.len);
	if (!conn->keep_alive)
		buf_adds(out, "Connection: close\r\n");
	buf_adds(out, "\r\n");
}

static void
write_both(struct conn *conn, const struct buf *head, const void *body,
	   size_t n)
{
	struct iovec pieces[] = {
		{ buf_bytes(head), head->len },
		{ (void *)(uintptr_t)body, n },
	};

	stream_writev(conn->stream, pieces, n > 0 ? 2 : 1, false);
}

void
exchange_free(struct http_exchange *x)
{
	if (x == NULL)
		return;
	buf_fini(&x->body);
	buf_fini(&x->headers);
	buf_fini(&x->before);
	buf_fini(&x->held);
	free(x);
}

static enum err_code
code_of(unsigned status)
{
	switch (status) {
	case 403:
	case 421:
		return ERR_DENIED;
	case 404:
		return ERR_NOT_FOUND;
	case 408:
		return ERR_TIMEOUT;
	case 413:
	case 414:
	case 431:
		return ERR_LIMIT;
	case 501:
	case 505:
		return ERR_UNSUPPORTED;
	default:
		return ERR_INVALID;
	}
}

static const char *
add_error_body(struct buf *out, const struct http_server *server,
	       unsigned status, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, code_of(status), "%s", why);
	if (server->config.add_error) {
		server->config.add_error(out, &err);
		return "application/json";
	}
	buf_addf(out, "%s\n", why);
	return "text/plain; charset=utf-8";
}

void
conn_refuse(struct conn *conn, unsigned status, const char *why)
{
	AUTO_BUF head = BUF_INIT(SIZE_MAX - 1), body = BUF_INIT(SIZE_MAX - 1);
	struct http_exchange *x = conn->x;
	const struct parser *parser = &conn->parser;
	bool is_head = parser->is_headed && str_eq(parser->head.method, "HEAD");
	const char *type;

	log_debug("http", "refused", KV_INT("status", status),
		  KV_STR("why", why));
	conn->keep_alive = false;
	if (x && x->reply != REPLY_NONE) {
		conn->is_broken = true;
		return;
	}
	if (x)
		buf_clear(&x->headers);
	type = add_error_body(&body, conn->server, status, why);
	add_head(&head, conn, status, type, (int64_t)body.len);
	write_both(conn, &head, buf_bytes(&body), is_head ? 0 : body.len);
	if (x) {
		x->reply = REPLY_ENDED;
		x->is_refused = true;
	}
	conn->is_done = true;
}

/*
 * The request
 */

void
http_exchange_own(struct http_exchange *x, void *owner,
		  http_exchange_fn *on_gone)
{
	x->owner = owner;
	x->on_gone = on_gone;
}

const struct http_head *
http_exchange_head(const struct http_exchange *x)
{
	return &x->conn->parser.head;
}

const struct http_guard *
http_exchange_guard(const struct http_exchange *x)
{
	return x->conn->guard;
}

int
http_exchange_fd(const struct http_exchange *x)
{
	return stream_fd(x->conn->stream);
}

/* The handler wants the body: ask for it if the client waits to be asked. */
static void
claim_body(struct http_exchange *x, enum body_mode mode)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	assert(x->mode == BODY_UNCLAIMED);
	x->mode = mode;
	if (x->expects_continue && x->conn->n_rest == 0 &&
	    !x->conn->has_leftover)
		stream_write(x->conn->stream, go_on, sizeof(go_on) - 1);
	x->expects_continue = false;
	conn_later(x->conn);
}

void
http_exchange_collect(struct http_exchange *x, size_t max, http_body_fn *done)
{
	const struct parser *parser = &x->conn->parser;

	if (is_dead(x))
		return;
	if (parser->body == BODY_LENGTH && parser->left > max) {
		conn_refuse(x->conn, 413, "the body is too large");
		conn_later(x->conn);
		return;
	}
	x->on_body = done;
	buf_init(&x->body, max);
	claim_body(x, BODY_COLLECTED);
}

void
http_exchange_read(struct http_exchange *x, http_data_fn *on_data)
{
	if (is_dead(x))
		return;
	x->on_data = on_data;
	claim_body(x, BODY_STREAMED);
}

void
http_exchange_pause(struct http_exchange *x)
{
	x->is_paused = true;
	conn_later(x->conn);
}

void
http_exchange_resume(struct http_exchange *x)
{
	x->is_paused = false;
	conn_later(x->conn);
}

/*
 * The answer
 */

void
http_reply_header(struct http_exchange *x, const char *name, const char *value)
{
	buf_adds(&x->headers, name);
	buf_adds(&x->headers, ": ");
	for (; *value != '\0'; value++) {
		bool is_control = (unsigned char)*value < ' ' || *value == 0x7f;

		buf_addc(&x->headers, is_control ? (char)'?' : *value);
	}
	buf_adds(&x->headers, "\r\n");
}

/* Can the connection serve another request after this answer? */
static void
decide_keep_alive(struct http_exchange *x)
{
	const struct parser *parser = &x->conn->parser;

	if (x->conn->server->is_draining)
		x->conn->keep_alive = false;
	if (x->mode != BODY_UNCLAIMED || !parser_has_body(parser))
		return;
	if (x->expects_continue ||
	    (parser->body == BODY_LENGTH && parser->left > MAX_KEPT))
		x->conn->keep_alive = false;
}

/* What is left of the request's body is nobody's business any more. */
static void
end_reply(struct http_exchange *x)
{
	x->reply = REPLY_ENDED;
	x->is_end_told = true;
	conn_later(x->conn);
}

void
http_reply(struct http_exchange *x, unsigned status, const char *type,
	   const void *body, size_t n)
{
	struct buf *head = &x->conn->server->scratch;

	if (is_dead(x))
		return;
	assert(x->reply == REPLY_NONE);
	decide_keep_alive(x);
	buf_clear(head);
	add_head(head, x->conn, status, type, (int64_t)n);
	write_both(x->conn, head, body,
		   x->has_body && !has_no_body(status) ? n : 0);
	end_reply(x);
}

void
http_reply_start(struct http_exchange *x, unsigned status, const char *type,
		 int64_t length)
{
	if (is_dead(x))
		return;
	assert(x->reply == REPLY_NONE);
	decide_keep_alive(x);
	if (length < 0 && x->conn->parser.minor == 0)
		x->conn->keep_alive = false;
	x->has_body = x->has_body && !has_no_body(status);
	x->is_chunked = x->has_body && length < 0 && x->conn->parser.minor > 0;
	x->left = length;
	add_head(&x->before, x->conn, status, type, length);
	x->reply = REPLY_STARTED;
	conn_later(x->conn);
}

static size_t
add_piece(struct iovec *pieces, size_t n_pieces, const void *bytes, size_t n)
{
	if (n == 0)
		return n_pieces;
	pieces[n_pieces].iov_base = (void *)(uintptr_t)bytes;
	pieces[n_pieces].iov_len = n;
	return n_pieces + 1;
}

/*
 * Send what is held and `bytes', as one chunk, of which `n_more' bytes follow;
 * after the handler's last word also the chunk that ends the answer.
 */
static bool
send_payload(struct http_exchange *x, const void *bytes, size_t n,
	     uint64_t n_more)
{
	uint64_t size = x->held.len + n + n_more;
	bool is_framed = x->is_chunked && size > 0;
	bool is_last = x->is_chunked && x->reply == REPLY_ENDED;
	const char *end = is_last ? "\r\n0\r\n\r\n" : "\r\n";
	struct iovec pieces[5];
	char line[20] = "";
	size_t n_pieces = 0;
	bool is_full;

	if (is_framed)
		snprintf(line, sizeof(line), "%llx\r\n",
			 (unsigned long long)size);
	if (!is_framed)
		end = is_last ? end + 2 : "";
	else if (n_more > 0)
		end = "";
	n_pieces = add_piece(pieces, n_pieces, buf_bytes(&x->before),
			     x->before.len);
	n_pieces = add_piece(pieces, n_pieces, line, strlen(line));
	n_pieces = add_piece(pieces, n_pieces, buf_bytes(&x->held),
			     x->held.len);
	n_pieces = add_piece(pieces, n_pieces, bytes, n);
	n_pieces = add_piece(pieces, n_pieces, end, strlen(end));

	is_full = n_pieces > 0 ? stream_writev(x->conn->stream, pieces,
					       n_pieces, n_more > 0)
			       : stream_is_full(x->conn->stream);
	buf_fini(&x->before);
	buf_fini(&x->held);
	return is_full;
}

void
exchange_flush(struct http_exchange *x)
{
	if (x->before.len > 0 || x->held.len > 0)
		send_payload(x, NULL, 0, 0);
}

/* May `n' bytes follow?  More than were announced break the connection. */
static bool
take_length(struct http_exchange *x, uint64_t n)
{
	if (is_dead(x))
		return false;
	assert(x->reply == REPLY_STARTED);
	if (x->left >= 0 && n > (uint64_t)x->left) {
		http_exchange_abort(x);
		return false;
	}
	if (x->left >= 0)
		x->left -= (int64_t)n;
	return x->has_body && n > 0;
}

bool
http_reply_write(struct http_exchange *x, const void *bytes, size_t n)
{
	if (!take_length(x, n))
		return false;
	if (x->held.len + n > HOLD_MAX)
		return send_payload(x, bytes, n, 0);
	buf_add(&x->held, bytes, n);
	conn_later(x->conn);
	return stream_is_full(x->conn->stream);
}

bool
http_reply_file(struct http_exchange *x, int fd, uint64_t offset, uint64_t n)
{
	bool is_full;

	if (!take_length(x, n))
		return false;
	send_payload(x, NULL, 0, n);
	is_full = stream_write_file(x->conn->stream, fd, offset, n);
	if (x->is_chunked) {
		buf_adds(&x->before, "\r\n");
		conn_later(x->conn);
	}
	return is_full;
}

void
http_reply_end(struct http_exchange *x)
{
	if (is_dead(x))
		return;
	assert(x->reply == REPLY_STARTED);
	if (x->left > 0 && x->has_body) {
		http_exchange_abort(x);
		return;
	}
	x->reply = REPLY_ENDED;
	send_payload(x, NULL, 0, 0);
	end_reply(x);
}

void
http_reply_on_drain(struct http_exchange *x, http_exchange_fn *on_drain)
{
	x->on_drain = on_drain;
}

void
http_exchange_abort(struct http_exchange *x)
{
	x->conn->is_broken = true;
	conn_later(x->conn);
}

struct stream *
http_upgrade(struct http_exchange *x, const char *protocol)
{
	AUTO_BUF head = BUF_INIT(SIZE_MAX - 1);
	struct conn *conn = x->conn;

	assert(x->reply == REPLY_NONE && !parser_has_body(&conn->parser));
	buf_adds(&head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: ");
	buf_adds(&head, protocol);
	buf_adds(&head, "\r\nConnection: Upgrade\r\n");
	buf_add(&head, buf_bytes(&x->headers), x->headers.len);
	buf_adds(&head, "\r\n");
	stream_write(conn->stream, buf_bytes(&head), head.len);
	return conn_hand_over(conn);
}
