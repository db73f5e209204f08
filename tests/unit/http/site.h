/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_HTTP_SITE_H
#define BERTH_TESTS_HTTP_SITE_H

/*
 * A server whose one connection is the near end of a net, and handlers that
 * do what the path says:
 *
 *	/small      an answer at once
 *	/hold       nothing; the test answers x
 *	/collect    the body, up to 1000 bytes
 *	/stream     gathers the body, answers its length
 *	/step       the same, paused after each piece
 *	/chunks     "one", "two" in chunks
 *	/test       what on_test does, from inside a function of the server
 *	/big        SITE_BIG bytes in chunks, as fast as they are taken
 *
 * It counts what begins and what is gone, and fails a test in which a handler
 * is called from inside a function of the server.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "http/server.h"
#include "tests/unit/http/net.h"

#define SITE_MAX_BODY 1000
#define SITE_BIG 600000

struct site {
	struct net net;
	struct http_server *server;
	struct http_guard guard;
	struct http_server_config config;
	struct http_exchange *x; /* the last that is not gone */
	void (*on_test)(struct site *, struct http_exchange *);
	struct buf body;
	size_t n_begun, n_gone, n_ends, n_drains, n_fewer;
	size_t n_big; /* bytes of /big handed over */
	bool is_inside;
};

/* Set what differs in `site->config' and `site->guard' before site_start. */
void site_init(struct site *site, int type);
void site_start(struct site *site);
void site_fini(struct site *site);

/* The peer on a new connection to the same server. */
void site_again(struct site *site, int type);

/* Around calls of the server's functions. */
#define SITE_CALL(site, call)                                                  \
	do {                                                                   \
		(site)->is_inside = true;                                      \
		call;                                                          \
		(site)->is_inside = false;                                     \
	} while (0)

/* Answer x with this text. */
void site_reply(struct site *site, const char *text);

/* How many answers with this status did the peer get? */
size_t site_n_answers(const struct site *site, unsigned status);

#endif
