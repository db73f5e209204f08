/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_CONN_H
#define BERTH_HTTP_CONN_H

/*
 * The inside of the server: one connection and its exchange.
 *
 * server.c accepts connections, conn.c moves them through their requests,
 * exchange.c is what handlers call.  Only conn.c calls handlers, from
 * conn_run; exchange.c changes what conn_run will find, and asks for it with
 * conn_later.
 */

#include <stdint.h>
#include <uv.h>

#include "core/buf.h"
#include "core/list.h"
#include "http/parser.h"
#include "http/server.h"

#define DATE_SIZE 32

struct http_server {
	struct http_server_config config;
	struct list listeners;
	struct list conns;
	size_t n_conns;
	unsigned n_refs;  /* handles and connections that are not closed yet */
	uv_timer_t retry; /* of accept, while descriptors are short */
	uint64_t retry_ms;
	bool is_accepting;
	bool is_draining;
	bool is_freed;

	struct buf scratch; /* a head under construction */
	uint64_t date_s;
	char date[DATE_SIZE];
};

/* Who wants the body of a request. */
enum body_mode { BODY_UNCLAIMED, BODY_COLLECTED, BODY_STREAMED };

enum reply_state { REPLY_NONE, REPLY_STARTED, REPLY_ENDED };

struct http_exchange {
	struct conn *conn;
	void *owner;
	http_exchange_fn *on_gone;
	http_exchange_fn *on_drain;

	enum body_mode mode;
	bool is_paused;
	bool is_end_told;      /* no more of the body for the handler */
	bool expects_continue; /* the client waits for a 100 */
	http_body_fn *on_body;
	http_data_fn *on_data;
	struct buf body;
	size_t n_progress; /* bytes of the body since the deadline was set */

	enum reply_state reply;
	bool is_refused; /* answered by the server itself */
	bool has_body;	 /* the answer: not to HEAD, not 204 */
	bool is_chunked; /* the answer */
	int64_t left;	 /* of its length; -1: unknown */
	struct buf headers;
	struct buf before; /* bytes that leave before the next payload */
	struct buf held;   /* small payload, waiting for more */
};

enum conn_wait { WAIT_NOTHING, WAIT_REQUEST, WAIT_HEAD, WAIT_BODY };

struct conn {
	struct http_server *server;
	const struct http_guard *guard;
	struct list link;
	struct stream *stream; /* NULL: closed or handed over */
	struct parser parser;
	struct http_exchange *x; /* the current one, or NULL */
	const uint8_t *rest;	 /* input within on_data */
	size_t n_rest;

	uv_idle_t later;
	uv_timer_t deadline;
	unsigned n_handles;
	enum conn_wait wait; /* what the deadline is for */
	uint64_t due_ms;     /* 0: none */
	uint64_t timer_ms;   /* when the timer will look; 0: not running */

	bool is_tcp;
	bool is_pair;	   /* of descriptors, not a socket */
	bool is_busy;	   /* conn_run is on the stack */
	bool is_broken;	   /* close as soon as we may call back */
	bool is_done;	   /* close once all is sent */
	bool keep_alive;   /* after the current exchange */
	bool is_ended;	   /* the peer finished sending */
	bool has_leftover; /* the stream holds input for the next request */
	bool is_dropping;  /* the rest of a body that nobody wants */
	size_t n_dropped;
};

/* A connection on descriptors, which are taken on success. */
int conn_new(struct http_server *server, int in_fd, int out_fd, bool is_tcp,
	     const struct http_guard *guard, struct err *err);

/* Have the connection looked at from the loop. */
void conn_later(struct conn *conn);

/* Give the stream away: the exchange and the connection are gone. */
struct stream *conn_hand_over(struct conn *conn);

/* A socket on which nothing is under way, in either direction. */
bool conn_is_idle(const struct conn *conn);

/* Answer instead of the handler, and close.  In exchange.c. */
void conn_refuse(struct conn *conn, unsigned status, const char *why);

/* Send what is held back.  In exchange.c. */
void exchange_flush(struct http_exchange *x);
void exchange_free(struct http_exchange *x);

/* A connection has closed.  In server.c. */
void server_on_conn_closed(struct http_server *server);
void server_unref(struct http_server *server);

#endif
