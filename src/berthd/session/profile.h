/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_PROFILE_H
#define BERTHD_SESSION_PROFILE_H

/*
 * Which command an agent's name stands for.
 *
 * Known without being told: codex, claude, gemini, opencode, shell.  The
 * daemon's configuration adds to them and changes them.
 */

#include <stddef.h>

#include "core/err.h"

struct config;

#define PROFILE_DEFAULT "codex"

/* Borrowed from the configuration, or constant. */
struct profile {
	const char *name;
	char *const *argv; /* NULL: a login shell of the user */
	const char *cwd;   /* NULL: the home */
	char *const *env;  /* NAME=VALUE; may be NULL */
};

/* `name' NULL: the configured default.  ERR_NOT_FOUND names those there are. */
int profile_find(const struct config *config, const char *name,
		 struct profile *ret, struct err *err);

#endif
