/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CONFIG_ARGS_H
#define BERTH_BERTH_CONFIG_ARGS_H

/*
 * What the commands about machines and the configuration share: which file, and
 * the registry in it.
 */

#include "cli/cli.h"
#include "core/err.h"
#include "machine/config_file.h"
#include "secret/ask.h"

struct output_args;
struct registry;

struct config_args {
	const char *file; /* NULL: the usual place */
};

extern const struct cli_group config_group; /* struct config_args */

/* The file of this call; passphrases are remembered in `memory'. */
struct config_file_config config_of(const struct cli_call *call,
				    const struct config_args *args,
				    struct ask_memory *memory);

/* Load it, and show its warnings as notes. */
int open_registry(struct registry *registry,
		  const struct config_file_config *config,
		  const struct output_args *output, struct err *err);

#endif
