/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_WITNESS_H
#define BERTHD_SESSION_WITNESS_H

/*
 * A witness of an agent's end.
 *
 * tmux before 3.6 may overlook the end of a pane's process: while it waits for
 * libutempter's helper, SIGCHLD has its default action, and one that comes then
 * is gone.  The pane stays dead without a status, and nobody who looks at it is
 * told.  The window is open just when an agent ends, for that is when the
 * helper runs: about one end in fifty falls into it.
 *
 * A witness is a process that waits for the end and then sends tmux the signal
 * again, until the end has been taken notice of.  It has no terminal, no open
 * files but two names of processes, and is a child of tmux, not of the agent.
 */

/*
 * For the process that becomes the agent, whose parent is tmux.  Without effect
 * where the kernel has no pidfds (before 5.3).
 */
void witness_start(void);

#endif
