/* SPDX-License-Identifier: ISC */
#ifndef BERTH_ARCHIVE_BENEATH_H
#define BERTH_ARCHIVE_BENEATH_H

/*
 * Paths that are resolved below a directory and never leave it: not by "..",
 * not by a link, not by a race with somebody who swaps one for the other.
 */

#include <sys/types.h>

/*
 * Like openat, but `path' (relative, cleaned, "" for the directory itself) is
 * never followed through a link and never leaves `dir_fd'.  -1 with errno:
 * ELOOP or EXDEV when it would.
 */
int beneath_open(int dir_fd, const char *path, int flags);

/* What beneath_open does where the kernel has no openat2. */
int beneath_walk(int dir_fd, const char *path, int flags);

/*
 * Make the directories of `path' below `dir_fd' that are missing and return
 * the last as an O_PATH descriptor; -1 with errno as above.
 */
int beneath_mkdirs(int dir_fd, const char *path, mode_t mode);

#endif
