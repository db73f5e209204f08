/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_SPAWN_H
#define BERTH_CLIENT_SPAWN_H

/*
 * Starting the daemon of this host, or the link to another, when nobody
 * answers.
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

/* The same of the link's program. */
char *spawn_find_link(struct err *err);

/*
 * Have a link to `machine': run `berth-link MACHINE', which returns once one
 * serves.  The program is $BERTH_LINK, or found as berthd is; failures are
 * those of spawn_daemon.
 */
int spawn_link(const char *machine, struct err *err);

/*
 * The same for a machine of the configuration that can be read from
 * `config_fd', to be found by the name `as': to try one that is not written
 * yet, or beside the link that it has.
 */
int spawn_trial_link(const char *machine, int config_fd, const char *as,
		     struct err *err);

#endif
