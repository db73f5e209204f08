/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_HELLO_H
#define BERTH_CLIENT_HELLO_H

/*
 * Who the daemon is: GET /v1/hello.
 */

#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct client;

#define HELLO_MAX (64u << 10)

struct hello {
	char *version;
	int64_t api, pid, uid;
	char *host_id, *started_at;
	char **capabilities;
};

#define HELLO_INIT                                                             \
	{                                                                      \
		.version = NULL                                                \
	}

/* `answer' is the daemon's own text. */
int hello_ask(struct client *client, struct buf *answer, struct hello *ret,
	      struct err *err);
void hello_fini(struct hello *hello);

static inline void
auto_hello(struct hello *hello)
{
	hello_fini(hello);
}

#define AUTO_HELLO __attribute__((cleanup(auto_hello))) struct hello

#endif
