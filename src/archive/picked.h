/* SPDX-License-Identifier: ISC */
#ifndef BERTH_ARCHIVE_PICKED_H
#define BERTH_ARCHIVE_PICKED_H

/*
 * An archive of files that were picked by name, piece by piece.
 *
 * What is not there, cannot be read, or is neither file, directory nor link, is
 * left out and counted; so is what would be reached through a link.  A
 * directory is packed without what is in it.  Times are exact (tar.h).  A file
 * that shrinks while it is read is filled with zeros, as its size was
 * announced, and told as spoilt.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct picked;

enum picked_flags {
	/*
	 * All were regular files when they were looked at: they are opened
	 * at once, and left out if they are none any more.
	 */
	PICKED_FILES = 1u << 0,
	/* Times are told in seconds: that is 1 KiB less for each. */
	PICKED_SECONDS = 1u << 1,
	/* Whole times for nothing; other readers see the seconds. */
	PICKED_BRIEF = 1u << 2,
};

/*
 * `dir_fd' may be O_PATH and is taken.  `names' are `n' bytes of relative clean
 * paths, each ended by a NUL; borrowed until picked_free.
 */
struct picked *picked_new(int dir_fd, const char *names, size_t n,
			  unsigned flags);
void picked_free(struct picked *picked);

/*
 * Append the next piece of the archive, up to some 256 KiB: 1 there is more,
 * 0 that was the end.  -1 if `out' is full.
 */
int picked_read(struct picked *picked, struct buf *out, struct err *err);

/* Names that were left out. */
uint64_t picked_n_skipped(const struct picked *picked);

/* The name last begun, borrowed, and how many there were. */
const char *picked_name(const struct picked *picked);
uint64_t picked_n(const struct picked *picked);

#endif
