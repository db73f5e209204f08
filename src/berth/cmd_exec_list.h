/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_EXEC_LIST_H
#define BERTH_BERTH_CMD_EXEC_LIST_H

/* exec ls, exec rm. */

#include "cli/cli.h"

extern const struct cli_command exec_ls_command;
extern const struct cli_command exec_rm_command;

#endif
