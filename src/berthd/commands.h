/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_COMMANDS_H
#define BERTHD_COMMANDS_H

/*
 * berthd's command line: the table of what can be typed.
 */

#include "cli/cli.h"

extern const struct cli_program berthd_program;

/* Was berthd called by the name of the daemon whose place it takes? */
bool berthd_is_codexd(const struct cli_call *call);

#endif
