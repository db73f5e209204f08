/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_TREE_H
#define BERTHD_FILE_TREE_H

/*
 * A directory tree read as an archive, piece by piece.
 *
 * Files, directories and links are in it; FIFOs, sockets and devices are not.
 * Links are not followed.  What cannot be read, or vanishes, is left out and
 * counted; a file that shrinks while it is read is filled with zeros, as its
 * size was announced.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct tree;

/*
 * `dir_fd' is an open (not O_PATH) directory, taken.  Entries whose name
 * matches one of `excludes' (shell patterns, may be NULL, copied) are left
 * out, with all below them.
 */
struct tree *tree_new(int dir_fd, char *const *excludes, struct err *err);
void tree_free(struct tree *tree);

/*
 * Append the next piece of the archive, up to some 64 KiB: 1 there is more,
 * 0 that was the end.  -1 if `out' is full.
 */
int tree_read(struct tree *tree, struct buf *out, struct err *err);

/* Entries that could not be read. */
uint64_t tree_n_skipped(const struct tree *tree);

#endif
