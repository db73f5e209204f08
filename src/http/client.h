/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_CLIENT_H
#define BERTH_HTTP_CLIENT_H

/*
 * An HTTP/1.1 client on one connection: calls follow each other on it with
 * keep-alive, one at a time.  Connecting is the caller's business; the client
 * takes connected descriptors.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "http/head.h"

struct http_call;
struct http_client;
struct stream;
struct uv_loop_s;

struct http_client_config {
	struct uv_loop_s *loop;
	int in_fd, out_fd; /* taken on success; equal for a socket */
	const char *host;  /* Host header; NULL: "localhost" */
	const char *token; /* Authorization: Bearer; NULL: none.  Copied. */
};

struct http_client *http_client_new(const struct http_client_config *config,
				    struct err *err);
void http_client_free(struct http_client *client);

/* May another call be made on this connection? */
bool http_client_usable(const struct http_client *client);

/*
 * The answer.  on_head, then on_data any number of times, then on_end with
 * NULL; or on_end with an error at any time: ERR_UNREACHABLE when the
 * connection went away, ERR_PROTO when the answer is malformed, ERR_TIMEOUT.
 * After on_end the call is dead.
 */
struct http_call_events {
	void (*on_head)(struct http_call *, const struct http_head *,
			void *owner);
	void (*on_data)(struct http_call *, const void *bytes, size_t n,
			void *owner);
	void (*on_end)(struct http_call *, const struct err *err, void *owner);
	void (*on_drain)(struct http_call *, void *owner); /* may be NULL */
};

struct http_request {
	const char *method;
	const char *target;		   /* path and query, encoded */
	const struct http_header *headers; /* may be NULL */
	size_t n_headers;
	const char *type; /* Content-Type of the body */
	const void *body;
	size_t body_len;
	bool stream_body;    /* chunks follow by http_call_write */
	uint64_t timeout_ms; /* until the head; 0: none */
};

/*
 * `request' is read during the call only.  ERR_UNREACHABLE: the connection
 * cannot serve another call; ERR_INVALID: a text of the request has characters
 * that it must not have.
 */
struct http_call *http_call_start(struct http_client *client,
				  const struct http_request *request,
				  const struct http_call_events *events,
				  void *owner, struct err *err);

/* In on_head, and until the answer ends. */
const struct http_head *http_call_head(const struct http_call *call);

/* The streamed request body; true: stop until on_drain. */
bool http_call_write(struct http_call *call, const void *bytes, size_t n);

/*
 * The same for `n' bytes of the file `fd' from `offset', which the kernel sends
 * where it can.  A file that turns out shorter breaks the connection.
 */
bool http_call_write_file(struct http_call *call, int fd, uint64_t offset,
			  uint64_t n);
void http_call_write_end(struct http_call *call);

/* Back-pressure on the answer. */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);

/* Forget the call without on_end; the connection is not usable afterwards. */
void http_call_cancel(struct http_call *call);

/*
 * In on_head of a 101: take the connection over.  Call and client are gone
 * without on_end; give the stream events, then resume it.
 */
struct stream *http_call_upgrade(struct http_call *call);

#endif
