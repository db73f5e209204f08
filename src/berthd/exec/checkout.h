/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_CHECKOUT_H
#define BERTHD_EXEC_CHECKOUT_H

/*
 * A commit of a configured repository as a directory: from a mirror that this
 * machine keeps, as a worktree of the exec's own.
 *
 * The only place that knows git.  It blocks, so the holder runs it in a child.
 */

#include "core/err.h"

struct checkout {
	const char *repo_url;
	const char *mirror; /* cloned when missing, fetched otherwise */
	const char *ref;
	const char *dir; /* must not exist */
	char *const *env;
};

/* Fails with git's own last words. */
int checkout_make(const struct checkout *checkout, struct err *err);

/* Remove the directory and the mirror's record of it. */
void checkout_remove(const struct checkout *checkout);

#endif
