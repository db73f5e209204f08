/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_INFO_H
#define BERTHD_FILE_INFO_H

/*
 * What is told about a file, and the tag that tells two states of it apart.
 */

#include <stdint.h>
#include <sys/stat.h>

#include "core/jsonw.h"

#define ETAG_SIZE 80

/* Its time of change in nanoseconds, below zero before 1970. */
int64_t mtime_ns_of(const struct stat *st);

/* A quoted text that changes when the file does; the caller's storage. */
const char *etag_of(char out[ETAG_SIZE], const struct stat *st);

/* A text of bytes; `as_bytes' is the member that holds them if need be. */
void info_add_bytes(struct jsonw *w, const char *key, const char *as_bytes,
		    const char *text);

/*
 * The members of one file in an object that is open: name, type, mode, size,
 * mtime, mtime_ns, etag and, of a link, target.  A name or target that is not
 * UTF-8 comes once more as base64.  `dir_fd' and `base' say where it is;
 * `dir_fd' is -1 if the target of a link is of no interest.
 */
void info_add(struct jsonw *w, const char *name, int dir_fd, const char *base,
	      const struct stat *st);

/* Likewise, but only what trees are compared by: no mtime, no etag. */
void info_add_state(struct jsonw *w, const char *name, int dir_fd,
		    const char *base, const struct stat *st);

#endif
