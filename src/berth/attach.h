/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_ATTACH_H
#define BERTH_BERTH_ATTACH_H

/*
 * A session on our terminal, until one of the two is left or ends.
 */

#include <stdbool.h>

#include "core/err.h"

struct client;
struct output_args;

struct attach_config {
	struct client *client;
	const struct output_args *output;
	const char *name;
	bool is_read_only;
	bool is_alone;	  /* other viewers are sent away */
	const char *size; /* "follow", "ignore", or NULL */
};

/* ERR_INVALID unless there is a terminal. */
int attach_check_terminal(struct err *err);

/*
 * The exit status: 0 when it was left, the agent's own when it ended; or -1.
 */
int attach_stay(const struct attach_config *config, struct err *err);

#endif
