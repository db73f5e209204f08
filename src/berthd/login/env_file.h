/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_ENV_FILE_H
#define BERTHD_LOGIN_ENV_FILE_H

/*
 * The one simple file that sets up a login: NAME=VALUE lines, read by our own
 * parser, never by a shell.
 *
 * Two are read, the system's and then the user's; the later one wins by name.
 * The names below are the login's own; every other name goes into the
 * environment of the agent, unless programs would run other code because of
 * it (LD_PRELOAD, BASH_ENV ...): that, an unknown CODEX_SSH_ name, a name that
 * stands twice, and anything a shell would have to expand are ERR_CONFIG with
 * file and line.
 */

#include <stddef.h>

#include "core/err.h"

struct env_file {
	char *session;	 /* CODEX_SSH_SESSION */
	char *workspace; /* CODEX_SSH_WORKSPACE; "~/" is put in */
	char **command;	 /* CODEX_SSH_COMMAND, a strv; NULL: the default */
	char *audit;	 /* CODEX_SSH_AUDIT: a file, or "off" */
	char *record;	 /* CODEX_SSH_RECORD: "off", "v2" or "v3" */
	char **env;	 /* NAME=VALUE for the agent, a strv */
};

/* Defaults: session "codex", workspace ~/codex-workspace, no recording. */
int env_file_init(struct env_file *ret, struct err *err);
void env_file_fini(struct env_file *file);

/* The text of a file called `name'. */
int env_file_decode(struct env_file *file, const char *name, const char *text,
		    size_t n, struct err *err);

/*
 * Read `path' if it is there.  One that somebody else than root and this user
 * could have written is ERR_DENIED.
 */
int env_file_load(struct env_file *file, const char *path, struct err *err);

/*
 * Read a file of the login's configuration with the same suspicion;
 * ERR_NOT_FOUND if it is not there.
 */
struct buf;
int env_file_read(const char *path, struct buf *out, struct err *err);

/* Is it 1 to 64 of A-Z a-z 0-9 _ and -, as a session's name must be? */
int env_file_check_name(const char *name, struct err *err);

#endif
