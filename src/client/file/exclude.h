/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_EXCLUDE_H
#define BERTH_CLIENT_FILE_EXCLUDE_H

/*
 * Which files a sync leaves alone: patterns as in a .gitignore.
 *
 *	*.o		any file or directory of that name, anywhere
 *	build/		directories of that name only, anywhere
 *	/dist		at the top only
 *	doc/a?.txt	from the top, since there is a slash in it
 *	!keep.o		not left alone after all
 *
 * A component of two stars stands for any number of directories; one star and
 * `?' stand for no slash, [a-z] and [!a-z] for one byte, a backslash
 * takes the meaning of what follows.  The last pattern that matches decides.
 * What lies in a directory that is left alone is never asked about, so it
 *cannot be brought back.
 */

#include <stdbool.h>

#include "core/err.h"

struct exclude;

/* `patterns' (a strv, may be NULL) is copied.  ERR_INVALID: an empty one. */
struct exclude *exclude_new(char *const *patterns, struct err *err);
void exclude_free(struct exclude *exclude);

/* Is `path', relative and clean, left alone? */
bool exclude_has(const struct exclude *exclude, const char *path, bool is_dir);

#endif
