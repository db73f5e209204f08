/* SPDX-License-Identifier: ISC */

/*
 * WebSocket on a stream; see ws.h.
 *
 * A socket is open until a close frame has been sent, then closing until the
 * peer's has come, the stream has ended or the deadline has passed; on_close
 * says so, and the stream is gone by then.  Where the peer closes first, or an
 * error of its protocol is found, the two moments are one.
 *
 * Pongs are not sent while more is kept than the high-water mark: a peer that
 * pings and never reads would fill our memory.  RFC 6455 lets us answer the
 * latest ping only.
 */

#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <uv.h>

#include "core/mem.h"
#include "core/rand.h"
#include "core/sha1.h"
#include "core/text.h"
#include "http/client.h"
#include "http/server.h"
#include "http/stream.h"
#include "http/ws_frame.h"

#include "http/ws.h"

#define MAX_MESSAGE (1u << 20)
#define CLOSE_MS 5000
#define KEY_BYTES 16
#define ACCEPT_SIZE 32

struct ws {
	struct stream *stream; /* NULL: on_close was called */
	const struct ws_events *events;
	void *owner;
	struct ws_reader reader;
	uv_timer_t deadline; /* of the close handshake */
	uint64_t close_ms;
	bool is_client;
	bool is_closing; /* our close frame is sent */
	bool is_paused;
	bool is_freed;
};

static void
on_timer_closed(uv_handle_t *timer)
{
	struct ws *ws = container_of((uv_timer_t *)timer, struct ws, deadline);

	ws_reader_fini(&ws->reader);
	free(ws);
}

void
ws_free(struct ws *ws)
{
	if (ws == NULL || ws->is_freed)
		return;
	ws->is_freed = true;
	stream_close(TAKE(ws->stream));
	uv_close((uv_handle_t *)&ws->deadline, on_timer_closed);
}

/* One frame in one write. */
static bool
send_frame(struct ws *ws, enum ws_opcode opcode, const void *bytes, size_t n)
{
	uint8_t header[WS_MAX_HEADER], mask[4];
	AUTO_FREE uint8_t *masked = NULL;
	struct iovec pieces[2];

	if (ws->is_client) {
		rand_bytes(mask, sizeof(mask));
		masked = xmalloc(n);
		ws_frame_mask(masked, bytes, n, mask, 0);
		bytes = masked;
	}
	pieces[0].iov_base = header;
	pieces[0].iov_len = ws_frame_header(header, opcode, n,
					    ws->is_client ? mask : NULL);
	pieces[1].iov_base = (void *)(uintptr_t)bytes;
	pieces[1].iov_len = n;
	return stream_writev(ws->stream, pieces, n > 0 ? 2 : 1, false);
}

static void
send_close(struct ws *ws, unsigned code, const char *reason, size_t n)
{
	uint8_t payload[WS_MAX_CONTROL];
	size_t len = 0;

	if (code != WS_CODE_NONE) {
		payload[len++] = (uint8_t)(code >> 8);
		payload[len++] = (uint8_t)code;
		n = MIN(n, sizeof(payload) - len);
		while (n > 0 && !utf8_valid(reason, n))
			n--;
		memcpy(payload + len, reason, n);
		len += n;
	}
	ws->is_closing = true;
	send_frame(ws, WS_CLOSE, payload, len);
}

/* The end, however it came about.  The owner may free the socket. */
static void
end(struct ws *ws, unsigned code, const char *reason)
{
	struct stream *stream = TAKE(ws->stream);

	uv_timer_stop(&ws->deadline);
	if (code == WS_CODE_LOST)
		stream_close(stream);
	else
		stream_close_after_write(stream);
	ws->events->on_close(ws, code, reason, ws->owner);
}

static void
on_close_frame(struct ws *ws, const uint8_t *reason, size_t n)
{
	char text[WS_MAX_CONTROL + 1];

	memcpy(text, reason, n);
	text[n] = '\0';
	if (!ws->is_closing)
		send_close(ws, ws->reader.code, text, n);
	end(ws, ws->reader.code, text);
}

static void
on_bad_frame(struct ws *ws)
{
	const char *why = ws->reader.why;

	if (!ws->is_closing)
		send_close(ws, ws->reader.code, why, strlen(why));
	end(ws, ws->reader.code, why);
}

static void
on_message(struct ws *ws, const uint8_t *data, size_t n, bool is_text)
{
	/* Who has asked to close is not interested any more. */
	if (!ws->is_closing)
		ws->events->on_message(ws, data, n, is_text, ws->owner);
}

/* One step through the input; false when all is consumed or refused. */
static bool
step(struct ws *ws, const uint8_t **bytes, size_t *n)
{
	const uint8_t *data = NULL;
	size_t n_data = 0;

	if (ws->stream == NULL || (ws->is_paused && !ws->is_closing))
		return false;
	switch (ws_reader_next(&ws->reader, bytes, n, &data, &n_data)) {
	case WS_EVENT_TEXT:
		on_message(ws, data, n_data, true);
		return true;
	case WS_EVENT_BINARY:
		on_message(ws, data, n_data, false);
		return true;
	case WS_EVENT_PING:
		if (!ws->is_closing &&
		    stream_pending(ws->stream) <= STREAM_HIGH_WATER)
			send_frame(ws, WS_PONG, data, n_data);
		return true;
	case WS_EVENT_PONG:
		return true;
	case WS_EVENT_CLOSE:
		on_close_frame(ws, data, n_data);
		return false;
	case WS_EVENT_BAD:
		on_bad_frame(ws);
		return false;
	default:
		return false;
	}
}

static void
on_data(struct stream *stream, const void *bytes, size_t n, void *owner)
{
	struct ws *ws = owner;
	const uint8_t *rest = bytes;

	while (step(ws, &rest, &n))
		;
	if (ws->stream && n > 0)
		stream_unread(stream, rest, n);
}

static void
on_end(struct stream *stream UNUSED, const struct err *err, void *owner)
{
	end(owner, WS_CODE_LOST,
	    err ? err->msg : "the peer closed the connection");
}

static void
on_drain(struct stream *stream UNUSED, void *owner)
{
	struct ws *ws = owner;

	if (!ws->is_closing && ws->events->on_drain)
		ws->events->on_drain(ws, ws->owner);
}

static const struct stream_events stream_events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
};

static struct ws *
ws_new(struct stream *stream, const struct ws_config *config, bool is_client)
{
	struct ws *ws = xcalloc(1, sizeof(*ws));

	ws->stream = stream;
	ws->events = config->events;
	ws->owner = config->owner;
	ws->close_ms = config->close_timeout_ms ? config->close_timeout_ms
						: CLOSE_MS;
	ws->is_client = is_client;
	ws_reader_init(&ws->reader, !is_client,
		       config->max_message ? config->max_message : MAX_MESSAGE);
	uv_timer_init(stream_loop(stream), &ws->deadline);
	stream_set_events(stream, &stream_events, ws);
	stream_resume(stream);
	return ws;
}

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
static void
accept_for(const char *key, char out[ACCEPT_SIZE])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	AUTO_FREE char *both = xasprintf("%s%s", key, guid);
	AUTO_BUF text = BUF_INIT(ACCEPT_SIZE);
	uint8_t digest[SHA1_SIZE];

	sha1(both, strlen(both), digest);
	base64_add(&text, digest, sizeof(digest));
	snprintf(out, ACCEPT_SIZE, "%s", buf_text(&text));
}

static bool
is_key(const char *key)
{
	AUTO_BUF bytes = BUF_INIT(KEY_BYTES);

	return key && base64_decode(&bytes, key, strlen(key)) == 0 &&
	       bytes.len == KEY_BYTES;
}

bool
ws_is_request(const struct http_exchange *x)
{
	const struct http_head *head = http_exchange_head(x);
	const char *version = http_head_find(head, "Sec-WebSocket-Version");
	const char *length = http_head_find(head, "Content-Length");

	return str_eq(head->method, "GET") && head->keep_alive &&
	       http_head_has_token(head, "Connection", "upgrade") &&
	       http_head_has_token(head, "Upgrade", "websocket") && version &&
	       str_eq(version, "13") &&
	       is_key(http_head_find(head, "Sec-WebSocket-Key")) &&
	       http_head_find(head, "Transfer-Encoding") == NULL &&
	       (length == NULL || str_eq(length, "0"));
}

struct ws *
ws_accept(struct http_exchange *x, const struct ws_config *config)
{
	const struct http_head *head = http_exchange_head(x);
	char accept[ACCEPT_SIZE];

	accept_for(http_head_find(head, "Sec-WebSocket-Key"), accept);
	http_reply_header(x, "Sec-WebSocket-Accept", accept);
	return ws_new(http_upgrade(x, "websocket"), config, false);
}

size_t
ws_request_headers(char key[WS_KEY_SIZE], struct http_header out[4])
{
	AUTO_BUF text = BUF_INIT(WS_KEY_SIZE);
	uint8_t bytes[KEY_BYTES];

	rand_bytes(bytes, sizeof(bytes));
	base64_add(&text, bytes, sizeof(bytes));
	snprintf(key, WS_KEY_SIZE, "%s", buf_text(&text));
	out[0] = (struct http_header){ "Connection", "Upgrade" };
	out[1] = (struct http_header){ "Upgrade", "websocket" };
	out[2] = (struct http_header){ "Sec-WebSocket-Version", "13" };
	out[3] = (struct http_header){ "Sec-WebSocket-Key", key };
	return 4;
}

struct ws *
ws_connected(struct http_call *call, const char *key,
	     const struct ws_config *config, struct err *err)
{
	const struct http_head *head = http_call_head(call);
	const char *given = http_head_find(head, "Sec-WebSocket-Accept");
	char accept[ACCEPT_SIZE];

	if (head->status != 101) {
		err_set(err, ERR_PROTO, "the server answered %u, not 101",
			head->status);
		return NULL;
	}
	accept_for(key, accept);
	if (!http_head_has_token(head, "Connection", "upgrade") ||
	    !http_head_has_token(head, "Upgrade", "websocket") ||
	    given == NULL || !str_eq(given, accept) ||
	    http_head_find(head, "Sec-WebSocket-Extensions")) {
		err_set(err, ERR_PROTO,
			"the server's WebSocket handshake is wrong");
		return NULL;
	}
	return ws_new(http_call_upgrade(call), config, true);
}

static bool
send_message(struct ws *ws, enum ws_opcode opcode, const void *bytes, size_t n)
{
	if (ws->stream == NULL || ws->is_closing)
		return false;
	return send_frame(ws, opcode, bytes, n);
}

bool
ws_send_text(struct ws *ws, const void *text, size_t n)
{
	return send_message(ws, WS_TEXT, text, n);
}

bool
ws_send_bytes(struct ws *ws, const void *bytes, size_t n)
{
	return send_message(ws, WS_BINARY, bytes, n);
}

void
ws_pause(struct ws *ws)
{
	ws->is_paused = true;
	if (ws->stream && !ws->is_closing)
		stream_pause(ws->stream);
}

void
ws_resume(struct ws *ws)
{
	ws->is_paused = false;
	if (ws->stream)
		stream_resume(ws->stream);
}

static void
on_deadline(uv_timer_t *timer)
{
	end(container_of(timer, struct ws, deadline), WS_CODE_LOST,
	    "the peer did not answer the close");
}

void
ws_close(struct ws *ws, unsigned code, const char *reason)
{
	if (ws->stream == NULL || ws->is_closing)
		return;
	send_close(ws, code, reason ? reason : "", reason ? strlen(reason) : 0);
	uv_timer_start(&ws->deadline, on_deadline, ws->close_ms, 0);
	stream_resume(ws->stream);
}
