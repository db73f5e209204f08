/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLI_HELP_H
#define BERTH_CLI_HELP_H

/*
 * The help text of a command, and the lines of it that other pages share.
 */

#include "cli/cli.h"

struct buf;

/* Append the text for the command that `call' ends at. */
int cli_help(const struct cli_call *call, size_t width, struct buf *out);

/* How wide text for `fd' may be: COLUMNS, the terminal, or 80; 100 at most. */
size_t cli_help_width(int fd);

/* "berth exec logs [OPTION]... ID" */
int cli_synopsis(const struct cli_call *call, struct buf *out);

/* The help of an option with its default and variable, one paragraph. */
int cli_option_text(const struct cli_option *option, struct buf *out);

#endif
