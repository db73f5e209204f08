/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_ROUTING_H
#define BERTHD_LOGIN_ROUTING_H

/*
 * From what was asked and what the role may to what is done.  Decides only:
 * nothing is opened or started here.
 */

#include <stdbool.h>

#include "core/err.h"

struct policy;
struct policy_project;
struct policy_role;

enum routing_kind {
	ROUTING_ATTACH,	  /* the session of `project', or the role's */
	ROUTING_MENU,	  /* let them choose */
	ROUTING_RUN,	  /* argv in cwd */
	ROUTING_STDIO,	  /* relay berthd's API */
	ROUTING_TRANSFER, /* argv, jailed in the role's root */
	ROUTING_KINDS
};

struct routing {
	enum routing_kind kind;
	const struct policy_project *project; /* NULL: none; borrowed */
	char **argv;			      /* owned */
	const char *cwd;		      /* NULL: home; borrowed */
};

#define ROUTING_INIT                                                           \
	{                                                                      \
		.project = NULL                                                \
	}

/*
 * `command' is SSH_ORIGINAL_COMMAND, or NULL for a plain login.  ERR_DENIED is
 * a sentence for whoever asked, and so is ERR_INVALID.
 */
int routing_find(const struct policy *policy, const struct policy_role *role,
		 const char *command, struct routing *ret, struct err *err);
void routing_fini(struct routing *route);

const char *routing_word(enum routing_kind kind);

static inline void
auto_routing(struct routing *route)
{
	routing_fini(route);
}

#define AUTO_ROUTING __attribute__((cleanup(auto_routing))) struct routing

#endif
