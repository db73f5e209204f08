/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_AGENT_H
#define BERTHD_SESSION_AGENT_H

/*
 * From a session's pane to its agent: what to run travels in a private file,
 * never in words that others of this user can list.
 *
 * tmux runs `berthd session-agent FILE' as the first process of the pane.  It
 * becomes the agent's keeper (keeper.h); its child reads the order, removes the
 * file, and becomes the agent.
 */

#include "core/err.h"

/* Program and command word of the launcher; see agent_words. */
#define AGENT_COMMAND "session-agent"

struct agent_order {
	char *name;  /* of the session: BERTH_SESSION of the agent */
	char **argv; /* argv[0] is searched in PATH of `env' */
	char **env;  /* what tmux sets for the pane is put in: TERM ... */
	char *cwd;   /* absolute */
};

void agent_order_fini(struct agent_order *order);

/* Write the order to a new file in `dir'; *ret_path is the caller's. */
int agent_write(const char *dir, const struct agent_order *order,
		char **ret_path, struct err *err);

/* The words for tmux: this program, AGENT_COMMAND, `path'. */
char **agent_words(const char *path, struct err *err);

/*
 * Read the order in `path', remove it, become the agent, in a child that is
 * kept.  Returns there, and on failure only: ERR_NOT_FOUND (exit with 127),
 * ERR_DENIED (126).
 */
int agent_run(const char *path, struct err *err);

/* The same with an order made here; nothing of it is freed. */
int agent_become(const struct agent_order *order, struct err *err);

static inline void
auto_agent_order(struct agent_order *order)
{
	agent_order_fini(order);
}

#define AUTO_AGENT_ORDER                                                       \
	__attribute__((cleanup(auto_agent_order))) struct agent_order

#endif
