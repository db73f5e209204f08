/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_ORPHANS_H
#define BERTHD_EXEC_ORPHANS_H

/*
 * What a killed holder leaves behind.
 *
 * A living holder finds all descendants of its command, as they are its
 * children in the end.  Those of a dead one are init's children, and only their
 * environment still says where they belong: every command gets ORPHANS_MARK,
 * the id of its exec, and all that it starts inherits it.
 */

#include <stdbool.h>

#define ORPHANS_MARK "BERTH_EXEC_ID"

/*
 * Kill every process whose exec `is_orphaned', and count them.  Some may have
 * been started meanwhile: call again until it finds none.  Daemons and holders
 * are left alone; they may have been started from within an exec, but serve
 * others.
 */
unsigned orphans_kill(bool (*is_orphaned)(const char *id, void *owner),
		      void *owner);

#endif
