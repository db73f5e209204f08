/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLI_COMPLETE_H
#define BERTH_CLI_COMPLETE_H

/*
 * Completion scripts.  Commands, options and choices stand in the script; what
 * changes (ids, machines) is asked of `PROGRAM __complete WORD'.
 */

#include "cli/cli.h"

struct buf;

/* Append the script of one shell. */
int cli_complete_bash(const struct cli_program *program, struct buf *out);
int cli_complete_zsh(const struct cli_program *program, struct buf *out);
int cli_complete_fish(const struct cli_program *program, struct buf *out);

#endif
