/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_HELLO_H
#define BERTH_LINK_HELLO_H

/*
 * Is whoever answers behind the streams the daemon that the bootstrap met?
 *
 * GET /v1/hello on a stream; uid, host id and nonce must be those that were
 * read over the authenticated channel.  A forwarded socket that somebody else
 * put there does not know them.
 */

#include "core/buf.h"
#include "core/err.h"
#include "link/pump.h"

struct hello_check;
struct streams;

struct hello_expected {
	int64_t uid;
	const char *host_id, *nonce; /* "": any */
};

/*
 * Once: `hello' is the daemon's answer, borrowed for the call; or why it is
 * not.  ERR_PROTO: another one answers.
 */
typedef void hello_done_fn(const struct buf *hello, const struct err *err,
			   void *owner);

struct hello_check *hello_check_start(struct streams *streams,
				      const struct hello_expected *expected,
				      hello_done_fn *done, void *owner,
				      struct err *err);
void hello_check_free(struct hello_check *check);

/* Judge an answer: its body of JSON. */
int hello_judge(const struct buf *body, const struct hello_expected *expected,
		struct err *err);

#endif
