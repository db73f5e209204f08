/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_BASE64IN_H
#define BERTHD_FILE_BASE64IN_H

/*
 * base64 that arrives in pieces.  Line ends are skipped, as old encoders make
 * them; everything else is as strict as core's decoder.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

struct base64_in {
	struct buf text; /* not decoded yet */
	bool is_padded;	 /* nothing may follow */
};

/* `max_piece': the most that one call adds. */
void base64_in_init(struct base64_in *in, size_t max_piece);
void base64_in_fini(struct base64_in *in);

/* Append what `n' characters complete to `out'.  -1 if they are not base64. */
int base64_in_add(struct base64_in *in, const char *text, size_t n,
		  struct buf *out);

/* May the text end here? */
bool base64_in_is_complete(const struct base64_in *in);

#endif
