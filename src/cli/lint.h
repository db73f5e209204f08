/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLI_LINT_H
#define BERTH_CLI_LINT_H

/*
 * What a compiler cannot check in a table.  For unit tests: each program's
 * test calls it once.
 */

#include "cli/cli.h"

/*
 * ERR_CONFIG names the first row that is wrong: a name or letter used twice in
 * one command, a value without placeholder, a help text that ends with a full
 * stop or is missing, choices without a list, an operand behind one that takes
 * all, an alias that leads nowhere, members beyond the end of the args.
 */
int cli_lint(const struct cli_program *program, struct err *err);

#endif
