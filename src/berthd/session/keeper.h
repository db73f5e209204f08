/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_KEEPER_H
#define BERTHD_SESSION_KEEPER_H

/*
 * The keeper of an agent: the process of a pane that tmux knows, the agent's
 * parent, and what makes the agent's end a clean one.
 *
 * tmux drops what it has not read yet when the process of a pane ends, so the
 * last words of an agent that fails at start were lost now and then.  A keeper
 * ends when the agent has, but lets go of the terminal first and waits until
 * tmux has read all and hung up.  It ends as the agent did.
 *
 * The agent is in the keeper's process group, so keys reach both and mean
 * nothing to the keeper; a signal sent to the keeper alone is passed on.
 */

#include <sys/types.h>

/*
 * Call before the agent is started; in the agent the signals are as before
 * after keeper_release.
 */
void keeper_prepare(void);
void keeper_release(void);

/* Keep `agent', a child, to its end.  Knows nothing of what it runs. */
void keeper_run(pid_t agent) __attribute__((noreturn));

#endif
