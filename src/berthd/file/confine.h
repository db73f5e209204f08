/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_CONFINE_H
#define BERTHD_FILE_CONFINE_H

/*
 * Paths that cannot leave their root, by "..", by a link, or by a race.
 *
 * A path from a client is cleaned, must lie in a root as text, and is then
 * resolved; what it resolves to must lie in a root as well, so a link may lead
 * anywhere inside the roots.  The resolved path has no links in it and is
 * opened in a way that refuses to meet one: whoever swaps a directory for a
 * link in between gets an error, not a file elsewhere.
 *
 * ERR_DENIED "path not allowed" is the answer for everything outside; a path
 * that no file can have is ERR_INVALID.
 */

#include <sys/types.h>

#include "core/err.h"

struct file_policy;

/*
 * Open what is there.  `flags' as for open; close-on-exec is added.
 * ERR_NOT_FOUND if it does not exist.
 */
int confine_open(const struct file_policy *policy, const char *path, int flags,
		 struct err *err);

/*
 * The directory at `path' as far as it exists, as an O_PATH descriptor.
 * *ret_missing is the part below it that does not, without slashes at its
 * ends and "" if there is none; the caller frees it.
 */
int confine_existing(const struct file_policy *policy, const char *path,
		     char **ret_missing, struct err *err);

/*
 * The directory in which `path' lies, as an O_PATH descriptor, and its last
 * component, which may be missing or a link; the caller frees it.  It is "." if
 * `path' is a root itself.
 */
int confine_parent(const struct file_policy *policy, const char *path,
		   char **ret_base, struct err *err);

#endif
