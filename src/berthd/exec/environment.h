/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_ENVIRONMENT_H
#define BERTHD_EXEC_ENVIRONMENT_H

/*
 * The environment of a command: a few names that every login has, what the
 * configuration adds, and what the client asks for.
 *
 * The daemon was started by somebody at some time; what else that shell had in
 * its environment is none of a later command's business.  Names that would
 * make programs run other code than asked are not taken from clients.
 */

#include <stdbool.h>

/* The daemon's own environment, cut down to what commands may inherit. */
char **environment_base(char *const *environ_now);

/*
 * base + config + asked.  Names in `asked' that change what programs execute
 * (LD_*, BASH_ENV ...) are left out unless they are in `allowed', and named in
 * *ret_refused (a strv of names).
 */
char **environment_make(char *const *base, char *const *config,
			char *const *asked, char *const *allowed,
			char ***ret_refused);

/* NAME=VALUE pairs, the value "***" where the name looks like a secret's. */
char **environment_masked(char *const *env);

#endif
