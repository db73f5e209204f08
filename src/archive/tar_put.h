/* SPDX-License-Identifier: ISC */
#ifndef BERTH_ARCHIVE_TAR_PUT_H
#define BERTH_ARCHIVE_TAR_PUT_H

/*
 * What stands in a directory, put into an archive: headers, links and empty
 * files at once, what is in a file piece by piece.
 *
 * No link is followed.  What cannot be read, or vanished, is left out and
 * counted.  A file that shrinks while it is read is filled with zeros, as its
 * size was announced, and told as spoilt (tar.h).
 *
 * Calling sequence: tar_put_init, then for each entry tar_put_entry and, while
 * tar_put_is_busy, tar_put_piece; tar_put_fini in every state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

struct walk_entry;

enum tar_put_flags {
	TAR_PUT_OWNERS = 1u << 0, /* user and group; without it, root */
	TAR_PUT_NSEC = 1u << 1,	  /* whole times (tar.h) */
	TAR_PUT_BRIEF = 1u << 2,  /* ... in brief */
};

struct tar_put {
	unsigned flags;
	size_t max_piece;
	uint64_t n_skipped; /* the caller may count others here */
	uint64_t n_spoilt;
	int fd; /* the current file, or -1 */
	uint64_t size, left;
	bool is_short; /* it ended before its size */
};

void tar_put_init(struct tar_put *put, unsigned flags, size_t max_piece);
void tar_put_fini(struct tar_put *put);

/*
 * Append `entry', as its `path', if it is a file, a directory (without what is
 * in it) or a link; all else counts as skipped.  -1 if `out' is full.
 */
int tar_put_entry(struct tar_put *put, struct buf *out,
		  const struct walk_entry *entry);

/* Is there more of the file that was put last? */
bool tar_put_is_busy(const struct tar_put *put);

/* Append up to `max_piece' bytes of it; -1 if `out' is full. */
int tar_put_piece(struct tar_put *put, struct buf *out);

#endif
