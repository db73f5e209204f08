/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_RUN_H
#define BERTH_BERTH_RUN_H

/*
 * Staying with an exec as if it ran here: its output is ours, so is our input,
 * and so are the keys and signals of our terminal.
 */

#include <stdbool.h>

#include "core/err.h"

struct client;
struct exec_spec;
struct output_args;

struct run_config {
	struct client *client;
	const struct exec_spec *spec;
	const struct output_args *output;
	bool is_events; /* lines of JSON instead of the output */
	bool is_raw;	/* nothing is filtered */
	bool has_input; /* our standard input is forwarded */
	bool has_tty;	/* our terminal is lent to it */
};

/* The exit status, or -1. */
int run_stay(const struct run_config *config, struct err *err);

#endif
