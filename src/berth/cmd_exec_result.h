/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_EXEC_RESULT_H
#define BERTH_BERTH_CMD_EXEC_RESULT_H

/* exec result, exec wait. */

#include "cli/cli.h"

extern const struct cli_command exec_result_command;
extern const struct cli_command exec_wait_command;

#endif
