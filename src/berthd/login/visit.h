/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_VISIT_H
#define BERTHD_LOGIN_VISIT_H

/*
 * Finding a session or starting it, from a process that has a terminal and
 * becomes what shows it.
 */

#include <stdbool.h>

#include "core/err.h"

struct visit {
	const char *session;
	bool is_read_only;
	char *const *command; /* of a session that is not there yet */
	char *const *env;     /* of its agent */
	const char *cwd;      /* made if it is missing */
};

/*
 * The words and the environment with which this process can become a viewer;
 * the caller frees them.  A session that ended is shown (its last lines, and
 * how it ended) on standard error and makes room for a new one; a read-only
 * visitor is told so and starts nothing: ERR_NOT_FOUND.  ERR_CONFLICT: this
 * very terminal is in that session already.
 */
int visit_prepare(const struct visit *visit, char ***ret_argv, char ***ret_env,
		  struct err *err);

#endif
