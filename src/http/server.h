/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_SERVER_H
#define BERTH_HTTP_SERVER_H

/*
 * A strict HTTP/1.1 server on unix sockets, TCP, or any pair of descriptors.
 *
 * It owns its listeners and connections.  For each request whose head is
 * complete and passes the listener's guard, on_request is called once with an
 * exchange; the handler answers it, now or later, or upgrades it.  Malformed
 * requests are answered here and never reach the handler; docs/http.md lists
 * how.  All deadlines are absolute: dripping bytes do not extend them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "http/head.h"

struct buf;
struct http_exchange;
struct http_server;
struct stream;
struct uv_loop_s;

typedef void http_exchange_fn(struct http_exchange *x, void *owner);

/* What a listener demands before routing. */
struct http_guard {
	/* Allowed Host values, a port of "*" being any; NULL: all */
	const char *const *hosts;
	bool refuse_origin; /* 403 for any request with an Origin */
	uint32_t tag;	    /* the handler's own: which listener */
};

struct http_server_config {
	struct uv_loop_s *loop;
	http_exchange_fn *on_request;
	void *owner;
	size_t max_conns;	  /* beyond it accepting pauses; 0: 4096 */
	uint64_t head_timeout_ms; /* whole head; 0: 10 s */
	uint64_t body_timeout_ms; /* a stalled body; 0: 30 s */
	uint64_t idle_timeout_ms; /* between requests; 0: 5 min */
	size_t max_body; /* a longer one is 413 at once, unless the handler
			    has claimed it when on_request returns; 0: none */

	/*
	 * There are far fewer connections than there were, and what they
	 * took can be given back.  May be NULL.
	 */
	void (*on_fewer)(void *owner);

	/* The body of errors answered here, as JSON; NULL: plain text. */
	int (*add_error)(struct buf *out, const struct err *err);
};

struct http_server *http_server_new(const struct http_server_config *config);

/*
 * Close all; exchanges get on_gone from the loop, which has to run until then.
 * NULL is allowed.
 */
void http_server_free(struct http_server *server);

/* Listen on `fd', which is taken.  `guard' is borrowed for good. */
int http_server_listen(struct http_server *server, int fd,
		       const struct http_guard *guard, struct err *err);

/* One connection that is there already (both descriptors taken). */
int http_server_serve(struct http_server *server, int in_fd, int out_fd,
		      const struct http_guard *guard, struct err *err);

/*
 * Stop accepting and close the listeners (a handed-over duplicate lives on);
 * connections end after their current exchange; those that have just
 * connected may ask once, if they do it soon.
 */
void http_server_drain(struct http_server *server);

/*
 * Give up to `max' connections to the caller that nothing of a request has been
 * read from: one descriptor each.  Served by somebody else (http_server_serve),
 * their clients notice nothing.
 */
size_t http_server_take_idle(struct http_server *server, int *fds, size_t max);

size_t http_server_n_conns(const struct http_server *server);

/*
 * Exchanges
 *
 * An exchange lives from on_request until on_gone, which is called exactly
 * once: after the answer was sent, or when the peer went away or a deadline
 * passed before.  After on_gone the pointer is dead.  on_gone is never called
 * from inside a function of this header.
 */

/* `owner' goes to all callbacks of this exchange; on_gone may be NULL. */
void http_exchange_own(struct http_exchange *x, void *owner,
		       http_exchange_fn *on_gone);

const struct http_head *http_exchange_head(const struct http_exchange *x);
const struct http_guard *http_exchange_guard(const struct http_exchange *x);

/* The socket, borrowed; for SO_PEERCRED. */
int http_exchange_fd(const struct http_exchange *x);

/*
 * The whole request body, up to `max' bytes; a larger one is answered 413 here
 * and `done' is not called.  `body' is borrowed for the call.
 */
typedef void http_body_fn(struct http_exchange *x, const struct buf *body,
			  void *owner);
void http_exchange_collect(struct http_exchange *x, size_t max,
			   http_body_fn *done);

/*
 * The request body piece by piece; `on_data' with n == 0 is the end.  While
 * paused nothing is read and the body deadline does not run.
 */
typedef void http_data_fn(struct http_exchange *x, const void *bytes, size_t n,
			  void *owner);
void http_exchange_read(struct http_exchange *x, http_data_fn *on_data);
void http_exchange_pause(struct http_exchange *x);
void http_exchange_resume(struct http_exchange *x);

/*
 * A header of the coming answer; before the reply functions.  Control
 * characters in the value become '?'.
 */
void http_reply_header(struct http_exchange *x, const char *name,
		       const char *value);

/* The whole answer. */
void http_reply(struct http_exchange *x, unsigned status, const char *type,
		const void *body, size_t n);

/*
 * An answer in pieces: start, any number of write and file, end.  `length' is
 * the number of bytes to come, or -1 for chunks.  write and file return true
 * when the handler should stop until on_drain.
 */
void http_reply_start(struct http_exchange *x, unsigned status,
		      const char *type, int64_t length);
bool http_reply_write(struct http_exchange *x, const void *bytes, size_t n);
bool http_reply_file(struct http_exchange *x, int fd, uint64_t offset,
		     uint64_t n);
void http_reply_end(struct http_exchange *x);
void http_reply_on_drain(struct http_exchange *x, http_exchange_fn *on_drain);

/* Break the connection: the answer cannot be completed. */
void http_exchange_abort(struct http_exchange *x);

/*
 * Answer 101 with `protocol' as Upgrade and hand the connection over; early
 * bytes of the client are not lost.  The exchange is gone without on_gone.
 * The stream has no events yet: call stream_set_events, then stream_resume.
 */
struct stream *http_upgrade(struct http_exchange *x, const char *protocol);

#endif
