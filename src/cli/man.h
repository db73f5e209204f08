/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLI_MAN_H
#define BERTH_CLI_MAN_H

/*
 * Manual pages in mdoc(7), one per command that is not hidden: berth(1),
 * berth-exec(1), berth-exec-run(1).
 */

#include "cli/cli.h"

struct buf;

/* Append the page of the command that `call' ends at. */
int cli_man(const struct cli_call *call, struct buf *out);

/* Write all pages of the program into a directory, which is made. */
int cli_man_write(const struct cli_program *program, const char *dir,
		  struct err *err);

#endif
