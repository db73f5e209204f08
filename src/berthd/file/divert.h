/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_DIVERT_H
#define BERTHD_FILE_DIVERT_H

/*
 * One long string taken out of a JSON object as the text arrives.
 *
 * The text of the member, without its escapes, goes one way as it comes; all
 * else is kept, with an empty string in its place, to be decoded by the usual
 * tables when it is complete.  So a file inside JSON costs no memory.
 *
 * Nothing is judged here: whatever is not JSON stays not JSON in the rest.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/err.h"

enum divert_state {
	DIVERT_TEXT,   /* outside of strings */
	DIVERT_STRING, /* inside of one that is kept */
	DIVERT_INSIDE, /* inside of the one */
};

struct divert {
	const char *member; /* borrowed; its name needs no escapes */
	struct buf rest;
	enum divert_state state;
	unsigned depth;
	char escape[6]; /* an escape so far, with its backslash */
	size_t n_escape;
	size_t string_at;  /* where in the rest the last string begins */
	size_t string_len; /* with its quotes; 0: something came after it */
	bool is_member;	   /* the next value is the member's */
};

/* `max' bytes of other text are kept. */
void divert_init(struct divert *divert, const char *member, size_t max);
void divert_fini(struct divert *divert);

/*
 * Append the member's part of `n' bytes to `out', which has room for as many.
 * ERR_LIMIT when the other text is too long, ERR_INVALID for an escape that is
 * none or not of ASCII.
 */
int divert_add(struct divert *divert, const char *text, size_t n,
	       struct buf *out, struct err *err);

/*
 * Has the member's string begun and not ended?  Then appending "\"}" to the
 * rest gives the object as far as it came.
 */
bool divert_is_inside(const struct divert *divert);

#endif
