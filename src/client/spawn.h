/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_SPAWN_H
#define BERTH_CLIENT_SPAWN_H

/*
 * Starting the daemon of this host when nobody answers.
 */

#include "core/err.h"

/*
 * Run `berthd serve --detach', which returns once a daemon serves.  The
 * program is $BERTHD, or `berthd' beside this program, in ../libexec/berth, or
 * in PATH.  ERR_NOT_FOUND: there is none; ERR_REMOTE: its own words;
 * ERR_TIMEOUT.
 */
int spawn_daemon(struct err *err);

/* The path of the program; the caller frees.  ERR_NOT_FOUND. */
char *spawn_find_daemon(struct err *err);

#endif
