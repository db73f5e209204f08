/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_OPENSSH_ARGV_H
#define BERTH_LINK_OPENSSH_ARGV_H

/*
 * The words of the ssh that makes the one connection to a machine: a master of
 * its control socket, and nothing else, whatever the user's configuration says.
 *
 * What that says about strictness of host keys is kept if it is stricter than
 * asking; anything laxer becomes asking.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct machine;
struct resolved;

struct openssh_way {
	const struct machine *machine;
	const struct resolved *resolved; /* what `ssh -G' says of it */
	const char *socket;		 /* to be made */
	uint64_t timeout_ms;
	bool compress;
};

/* A strv for the caller; NULL: a part of the machine may not stand there. */
char **openssh_argv(const struct openssh_way *way, struct err *err);

#endif
