/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_DECIDE_H
#define BERTHD_EXEC_DECIDE_H

/*
 * What a request comes to on this machine: the words of its shell, its
 * environment, the directories it may start in, its project's places.  All
 * that is decided before a holder is told.  The store is the only user.
 */

#include <stdbool.h>

#include "core/err.h"

struct config;
struct launch;
struct spec;

struct decide {
	const struct config *config; /* borrowed for good */
	char *root;		     /* of all execs */
	char *home;
	char **base_env;
	char **roots; /* for restricted requests */
};

/* decide_fini also after a failure. */
int decide_init(struct decide *decide, const char *root,
		const struct config *config, struct err *err);
void decide_fini(struct decide *decide);

/*
 * Fill `ret' (zeroed; the caller calls launch_fini, also after a failure) from
 * a complete spec, which gets its warning.  `is_restricted' holds it to the
 * allowed directories.  ERR_LIMIT: the request is too large to be kept.
 */
int decide_launch(const struct decide *decide, struct spec *spec,
		  bool is_restricted, struct launch *ret, struct err *err);

#endif
