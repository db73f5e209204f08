/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_FILE_JSON_H
#define BERTH_CLIENT_FILE_FILE_JSON_H

/*
 * What berthd tells about a file, and what we tell about it to others.
 */

#include "core/buf.h"
#include "core/jsonw.h"
#include "client/file/file.h"

/*
 * Decode one object and hand it to `fn'.  1: it was an entry; 0: it was the
 * line that ends a list, with *ret_skipped; -1: ERR_PROTO.
 */
typedef void file_info_fn(const struct file_info *info, void *owner);
int file_info_decode(const char *text, size_t n, file_info_fn *fn, void *owner,
		     uint64_t *ret_skipped, struct err *err);

/*
 * What a daemon says of an archive that it unpacked: `fn' gets each entry that
 * it refused, and at last NULL if there are some of which it does not tell.
 */
typedef void file_refused_fn(const char *name, const char *why, void *owner);
int file_refused_decode(const char *text, size_t n, file_refused_fn *fn,
			void *owner, struct err *err);

/* The members of an open object. */
void file_info_add(struct jsonw *w, const struct file_info *info);

/* "file", "dir", "link", "other" */
const char *file_type_word(enum file_type type);

#endif
