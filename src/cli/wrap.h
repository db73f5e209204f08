/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLI_WRAP_H
#define BERTH_CLI_WRAP_H

/*
 * Text set in lines: words are kept whole, paragraphs keep their empty line,
 * and lines that begin with a space are left as they are.
 */

#include <stddef.h>

struct buf;

struct wrap {
	size_t indent; /* of every line but the first */
	size_t width;
	size_t column; /* where the first line begins */
};

/* Append `text' and a newline. */
int wrap_add(struct buf *out, const struct wrap *wrap, const char *text);

#endif
