/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_WS_H
#define BERTH_HTTP_WS_H

/*
 * WebSocket (RFC 6455) on an upgraded stream, as server or client.
 *
 * Messages arrive whole, text checked as UTF-8, never larger than max_message.
 * Pings are answered, a close is answered once; protocol errors close with
 * 1002, bad text with 1007, too large with 1009.  Header and payload of a
 * frame leave in one write.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "http/head.h"

struct http_call;
struct http_exchange;
struct ws;

struct ws_events {
	void (*on_message)(struct ws *, const void *bytes, size_t n,
			   bool is_text, void *owner);
	/*
	 * Called once and last: `code' is the peer's (1005: it gave none), ours
	 * if the peer broke the protocol, or 1006 when there was no close.  The
	 * owner still calls ws_free, be it here.
	 */
	void (*on_close)(struct ws *, unsigned code, const char *reason,
			 void *owner);
	void (*on_drain)(struct ws *, void *owner); /* may be NULL */
};

struct ws_config {
	const struct ws_events *events;
	void *owner;
	size_t max_message;	   /* 0: 1 MiB */
	uint64_t close_timeout_ms; /* of the close handshake; 0: 5 s */
};

/* Does the request ask for a valid WebSocket upgrade? */
bool ws_is_request(const struct http_exchange *x);

/*
 * Answer the upgrade; the exchange is gone.  `x' passed ws_is_request.  Reading
 * starts at once, from the loop.
 */
struct ws *ws_accept(struct http_exchange *x, const struct ws_config *config);

/* Headers of a client's upgrade request; `key' is kept by the caller. */
#define WS_KEY_SIZE 25
size_t ws_request_headers(char key[WS_KEY_SIZE], struct http_header out[4]);

/*
 * In on_head of the call: check the answer and take over.  ERR_PROTO: the
 * server will not or cannot; the call is still there.
 */
struct ws *ws_connected(struct http_call *call, const char *key,
			const struct ws_config *config, struct err *err);

/* True: stop until on_drain. */
bool ws_send_text(struct ws *ws, const void *text, size_t n);
bool ws_send_bytes(struct ws *ws, const void *bytes, size_t n);
void ws_pause(struct ws *ws);
void ws_resume(struct ws *ws);

/*
 * Begin the close handshake; on_close follows (deadline 5 s).  `code' is one
 * that may be sent (1000, 1001, 1011, 3000 to 4999 ...); messages that still
 * come are dropped.
 */
void ws_close(struct ws *ws, unsigned code, const char *reason);

/* Drop everything now; no callback follows. */
void ws_free(struct ws *ws);

#endif
