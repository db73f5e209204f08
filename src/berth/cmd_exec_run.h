/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_EXEC_RUN_H
#define BERTH_BERTH_CMD_EXEC_RUN_H

/* exec run, exec start. */

#include "cli/cli.h"

extern const struct cli_command exec_run_command;
extern const struct cli_command exec_start_command;

#endif
