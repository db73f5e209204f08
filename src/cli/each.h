/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLI_EACH_H
#define BERTH_CLI_EACH_H

/*
 * Going through the whole table.
 */

#include "cli/cli.h"

struct buf;

/* 0 to go on, -1 to stop. */
typedef int cli_each_fn(const struct cli_call *call, void *owner);

/*
 * Call `fn' for every command that is neither hidden nor an alias, the root
 * first, parents before children.  0, or -1 if `fn' stopped.
 */
int cli_each(const struct cli_program *program, cli_each_fn *fn, void *owner);

/* The path of an alias row's command: "exec run"; of others: "session ls". */
int cli_each_target(const struct cli_call *parent,
		    const struct cli_command *command, struct buf *out);

#endif
