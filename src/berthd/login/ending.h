/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_ENDING_H
#define BERTHD_LOGIN_ENDING_H

/*
 * The end of an agent, told on the terminal of whoever looked at it.
 *
 * A login became a client of tmux, and no process of ours stayed beside it.  So
 * it is tmux that lets the client become `berthd session-end NAME', which shows
 * the last lines and how the agent ended, and exits as the agent did.
 */

#include "core/err.h"

#define ENDING_COMMAND "session-end"

struct tmux;
struct tmux_session;

/* The last lines of one that ended, and how it ended, on standard error. */
void ending_show(const struct tmux *tmux, const struct tmux_session *session);

/* For sh, what a viewer of `session' becomes; the caller frees. */
char *ending_words(const char *session, struct err *err);

/* The status to exit with (128 + signal), or -1. */
int ending_run(const char *name, struct err *err);

#endif
