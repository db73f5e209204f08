/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_CLIENT_H
#define BERTH_CLIENT_CLIENT_H

/*
 * The daemon of one machine, spoken to over as many connections as there are
 * calls at a time.
 *
 * A client has an event loop of its own.  Calls are started and answered by
 * events; client_run turns the loop until client_stop, and client_call does
 * both for one call.  Connections are kept and used again; a call that finds
 * its old connection gone is repeated on a new one if repeating is harmless.
 *
 * An answer whose status is not 2xx never reaches on_head: it becomes an
 * error, in the daemon's words, and goes to on_end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "client/reach.h"
#include "http/client.h"

struct client;
struct client_call;
struct uv_loop_s;

struct client *client_new(const struct reach_config *config, struct err *err);

/* Breaks calls that are under way; of their events only on_drop comes. */
void client_free(struct client *client);

/* See reach_prepare. */
int client_prepare(struct client *client, struct err *err);

struct uv_loop_s *client_loop(struct client *client);
const struct reach *client_reach(const struct client *client);

/*
 * A new connection that is the caller's own, for a call that is upgraded.  It
 * lives in the client's loop, and is freed before the client.
 */
struct http_client *client_open_http(struct client *client, struct err *err);

/* Turn the loop until client_stop, or until nothing is left to happen. */
void client_run(struct client *client);
void client_stop(struct client *client);

struct client_call_events {
	/* May be NULL. */
	void (*on_head)(struct client_call *, const struct http_head *,
			void *owner);
	/* May cancel the call as its last act. */
	void (*on_data)(struct client_call *, const void *bytes, size_t n,
			void *owner);
	/* Once; `err' is NULL if the answer is complete.  The call is dead. */
	void (*on_end)(struct client_call *, const struct err *err,
		       void *owner);
	/* The client is freed before the end; may be NULL. */
	void (*on_drop)(void *owner);
	/* More of a streamed body may be written; may be NULL. */
	void (*on_drain)(struct client_call *, void *owner);
};

enum client_flags {
	CLIENT_REPEAT = 1u << 0,  /* may reach the daemon twice */
	CLIENT_PATIENT = 1u << 1, /* the answer may take for ever */
	CLIENT_BULK = 1u << 2,	  /* much is said: worth a shorter way */
};

/*
 * Connecting is part of it, and may start a daemon.  `request' is read during
 * the call only, except that its body is borrowed until on_end.  A request with
 * a streamed body is never repeated.
 */
struct client_call *client_call_start(struct client *client,
				      const struct http_request *request,
				      unsigned flags,
				      const struct client_call_events *events,
				      void *owner, struct err *err);

/* A streamed body; true: stop until on_drain. */
bool client_call_write(struct client_call *call, const void *bytes, size_t n);
bool client_call_write_file(struct client_call *call, int fd, uint64_t offset,
			    uint64_t n);
void client_call_write_end(struct client_call *call);

/* Back-pressure on the answer. */
void client_call_pause(struct client_call *call);
void client_call_resume(struct client_call *call);

/* Forget the call; on_end does not come. */
void client_call_cancel(struct client_call *call);

/* Make a call and wait for the whole answer, at most `out->max' bytes. */
int client_call(struct client *client, const struct http_request *request,
		unsigned flags, struct buf *out, struct err *err);

/* The same for the usual shapes. */
int client_get(struct client *client, const char *target, struct buf *out,
	       struct err *err);
int client_post(struct client *client, const char *target,
		const struct buf *body, unsigned flags, struct buf *out,
		struct err *err);

/*
 * Is the daemon a berthd, which knows idempotency keys and offsets?  One that
 * is reached by an address is asked once; it may be a codexd.
 */
int client_is_berthd(struct client *client, bool *ret, struct err *err);

static inline void
auto_client(struct client **client)
{
	client_free(*client);
}

#define AUTO_CLIENT __attribute__((cleanup(auto_client))) struct client

#endif
