/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_PATH_H
#define BERTH_CORE_PATH_H

/*
 * Paths as text.  Nothing here looks at the file system, except path_home,
 * which reads /etc/passwd when HOME is unset (a static program must not call
 * getpwnam: its answer would depend on the libraries of the machine).
 */

#include <stdbool.h>

#include "core/err.h"

/* "dir/name"; `name' stays alone when it is absolute.  The caller frees. */
char *path_join(const char *dir, const char *name);

/* Without ".", "..", doubled and trailing slashes; the caller frees. */
char *path_clean(const char *path);

/* Is the cleaned `path' equal to or below the cleaned `root'? */
bool path_is_within(const char *root, const char *path);

/* The home directory of this user; the caller frees. */
char *path_home(struct err *err);

/* "~" and "~/x" with the home put in; other paths as they are. */
char *path_expand(const char *path, struct err *err);

/*
 * Expand and clean *path, which a configuration names and which is replaced;
 * ERR_CONFIG if it is not absolute.
 */
int path_settle(char **path, struct err *err);

/* The part after the last slash; points into `path'. */
const char *path_base(const char *path);

#endif
