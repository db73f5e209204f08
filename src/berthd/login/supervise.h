/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_SUPERVISE_H
#define BERTHD_LOGIN_SUPERVISE_H

/*
 * Becoming a program, or waiting for one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct errand {
	char *const *argv; /* argv[0] is searched in PATH of `env' */
	char *const *env;
	const char *cwd;  /* NULL: where we are */
	const char *jail; /* a root to be jailed in, or NULL */
	bool jail_write;
};

/*
 * The program that `name' is with the PATH of `env' (execvpe looks into ours),
 * or NULL; the caller frees.
 */
char *supervise_find(const char *name, char *const *env);

/* Returns on failure only: ERR_NOT_FOUND when the program is missing. */
int supervise_become(const struct errand *errand, struct err *err);

/*
 * Run it as a child with our descriptors and terminal: the exit status as a
 * shell would tell it (128 + signal), or -1.  Signals that would end us are
 * passed on, so that the end can be written down.
 */
int supervise_run(const struct errand *errand, uint64_t *ret_duration_ms,
		  struct err *err);

/* The status of waitpid as a shell would tell it. */
int supervise_status(int status);

#endif
