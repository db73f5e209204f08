/* SPDX-License-Identifier: ISC */
#ifndef BERTH_ARCHIVE_UNTAR_H
#define BERTH_ARCHIVE_UNTAR_H

/*
 * An archive unpacked below a directory, as its bytes arrive.
 *
 * Nothing is made or replaced outside the directory: no entry is reached
 * through a link, whether the link came with the archive or was there before,
 * and the reader (tar.h) refuses links that lead out.  A file appears under its
 * name when its last byte is there.  Modes are kept within 0777, and
 * directories stay usable by their owner; owners are not kept, nor times, but
 * see untar_keep.
 *
 * Calling sequence: untar_new, untar_step until it returns 0 or there is no
 * more input, untar_finish once, untar_free in every state.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct tar_entry;
struct untar;

/*
 * `dir_fd' is taken; `root' is its absolute path, borrowed for the call.
 * `max_entries' are accepted; 0 is any number.
 */
struct untar *untar_new(int dir_fd, const char *root, uint64_t max_entries);
void untar_free(struct untar *untar);

/*
 * Keep times, and give directories the modes and times of the archive, also
 * those that were there: when all is unpacked, by untar_finish.
 */
void untar_keep(struct untar *untar);

struct untar_events {
	/*
	 * Before an entry: 1 leaves it out, -1 with an error refuses it and
	 * all that follows.  It may be given another mtime_ns.  NULL: all are
	 * welcome as they are.
	 */
	int (*on_entry)(struct tar_entry *entry, void *owner, struct err *err);
	/* It is there, under its name; a directory that is kept: at last. */
	void (*on_done)(const char *name, void *owner);
	/*
	 * This machine would not have it, or it changed while it was packed;
	 * all else goes on.  NULL: that is a failure.  What concerns all of
	 * them, as a full disk, always is one.
	 */
	void (*on_refused)(const char *name, const struct err *why,
			   void *owner);
};

/* `events' is borrowed for good. */
void untar_watch(struct untar *untar, const struct untar_events *events,
		 void *owner);

/*
 * Do one step with the input, which moves on: 1 something was done, 0 all
 * input was used, -1 failed.  ERR_INVALID: the archive is at fault.  ERR_LIMIT.
 * ERR_SYSTEM: this machine refused.
 */
int untar_step(struct untar *untar, const uint8_t **in, size_t *n,
	       struct err *err);

/* There is no more input: ERR_INVALID if the archive is cut off. */
int untar_finish(struct untar *untar, struct err *err);

/* Files and links written so far. */
uint64_t untar_n_files(const struct untar *untar);

#endif
