/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_PACK_H
#define BERTHD_FILE_PACK_H

/*
 * A directory tree read as an archive, piece by piece.
 *
 * Files, directories and links are in it; FIFOs, sockets and devices are not.
 * Links are not followed.  What cannot be read, or vanishes, is left out and
 * counted; so is a file that shrinks while it is read, which is filled with
 * zeros, as its size was announced, and told as spoilt (tar.h).
 */

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct pack;

/*
 * `dir_fd' is an open (not O_PATH) directory, taken in any case.  Entries whose
 * name matches one of `excludes' (shell patterns, may be NULL, copied) are left
 * out, with all below them.
 */
struct pack *pack_new(int dir_fd, char *const *excludes, struct err *err);
void pack_free(struct pack *pack);

/*
 * Append the next piece of the archive, up to some 64 KiB: 1 there is more,
 * 0 that was the end.  -1 if `out' is full.
 */
int pack_read(struct pack *pack, struct buf *out, struct err *err);

/* Entries that could not be read, or not as a whole. */
uint64_t pack_n_skipped(const struct pack *pack);

#endif
