/* SPDX-License-Identifier: ISC */
#ifndef BERTH_ARCHIVE_WALK_H
#define BERTH_ARCHIVE_WALK_H

/*
 * What lies below a directory, entry by entry, a directory before what is in
 * it.  No link is followed.  Within a directory the order is the file system's.
 */

#include <stdint.h>
#include <sys/stat.h>

#include "core/err.h"

struct walk;

struct walk_entry {
	const char *path; /* below the root; borrowed until the next step */
	const char *name; /* its last component */
	int dir_fd;	  /* the directory it is in; borrowed likewise */
	struct stat st;
};

/* `dir_fd' is an open (not O_PATH) directory, taken in any case. */
struct walk *walk_new(int dir_fd, struct err *err);
void walk_free(struct walk *walk);

/* 1: an entry; 0: there are no more. */
int walk_next(struct walk *walk, struct walk_entry *ret);

/*
 * Go into the directory that walk_next gave last: what is in it comes next.
 * -1 with errno: it cannot be listed (ELOOP: too deep); it counts as skipped.
 */
int walk_enter(struct walk *walk);

/* What could not be looked at. */
uint64_t walk_n_skipped(const struct walk *walk);

#endif
