/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LIFE_H
#define BERTHD_LIFE_H

/*
 * How a daemon lives on after the login that started it, from the best to the
 * worst: as a unit of a user manager that stays when the user leaves; detached,
 * where nobody kills what a login leaves behind; as a unit of a user manager
 * that goes with the last login; as long as the login itself.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "core/err.h"

enum life {
	LIFE_LINGER,   /* systemd --user, lingering */
	LIFE_DETACHED, /* in a session of its own */
	LIFE_SYSTEMD,  /* systemd --user, until the last logout */
	LIFE_ATTACHED, /* killed with the login */
	LIVES
};

/* "systemd-linger", "detached", "systemd", "attached". */
const char *life_word(enum life life);

/* How the daemon with this pid lives. */
enum life life_of(pid_t pid);

/*
 * The best that can be had here.  Switches lingering on where logind lets the
 * user do that himself.
 */
enum life life_best(void);

/*
 * Start `PROGRAM serve' as a transient unit of the user manager, and wait until
 * it serves.  ERR_REMOTE: systemd's words.
 */
int life_start_unit(const char *program, bool replace, struct err *err);

#endif
