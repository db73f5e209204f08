/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_JAIL_H
#define BERTHD_LOGIN_JAIL_H

/*
 * A process that sees one directory, and the system's programs.
 *
 * Landlock is what holds: below `root' files may be read, and written where
 * the role says so; below /usr, /bin, /lib and the like they may be read and
 * run; a few files of /etc that every program reads may be read; nothing else
 * may be opened, made, renamed or removed, whatever it is called and however
 * links lie.  No privilege is needed, and none can be gained any more.
 *
 * What Landlock does not see are changes of mode, owner and times by path: who
 * is jailed must not be able to ask for those (see transfer.c).
 */

#include <stdbool.h>

#include "core/err.h"

/*
 * For this process and what it becomes, for ever.  ERR_UNSUPPORTED: the kernel
 * cannot; then nothing may be run.
 */
int jail_enter(const char *root, bool write, struct err *err);

/* Could it? */
bool jail_is_possible(void);

#endif
