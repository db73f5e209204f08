/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_ATTACH_H
#define BERTHD_SESSION_ATTACH_H

/*
 * Viewers: connections that were upgraded to look at a session.
 */

struct sessions;

/* Cut all; sessions go on.  The loop has to run once more. */
void attach_drop_all(struct sessions *sessions);

#endif
