/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_LINES_H
#define BERTH_CLIENT_LINES_H

/*
 * A stream of bytes cut into lines; for JSONL.
 */

#include <stddef.h>

#include "core/buf.h"
#include "core/err.h"

/* Longer lines are no peer of ours: codexd's are 10 MiB of text at most. */
#define LINES_MAX (64u << 20)

/* A line without its end; borrowed for the call.  Less than 0 stops. */
typedef int line_fn(const char *line, size_t n, void *owner);

struct lines {
	line_fn *on_line;
	void *owner;
	struct buf part; /* of a line whose end has not come */
};

void lines_init(struct lines *lines, line_fn *on_line, void *owner);
void lines_fini(struct lines *lines);

/* A new connection: a line that was begun is dropped. */
void lines_reset(struct lines *lines);

/* -1: ERR_PROTO, or `on_line' stopped and `err' is as it was. */
int lines_feed(struct lines *lines, const void *bytes, size_t n,
	       struct err *err);

#endif
