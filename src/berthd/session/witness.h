/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_WITNESS_H
#define BERTHD_SESSION_WITNESS_H

/*
 * A witness of a keeper's end.
 *
 * tmux before 3.6 may overlook the end of a pane's process: while it waits for
 * libutempter's helper, SIGCHLD has its default action, and one that comes then
 * is gone.  The pane stays dead without a status, and nobody who looks at it is
 * told.  The helper runs whenever a pane begins or ends.
 *
 * A witness is a process that waits for the end and then sends tmux the signal
 * again, until the end has been taken notice of.  It has no terminal, no open
 * files but two names of processes, and is a child of tmux.
 */

/*
 * For a process that is about to end, whose parent is tmux.  Without effect
 * where tmux needs none, or the kernel has no pidfds (before 5.3).
 */
void witness_start(void);

#endif
