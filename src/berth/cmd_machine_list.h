/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_MACHINE_LIST_H
#define BERTH_BERTH_CMD_MACHINE_LIST_H

/* berth machine ls, show, rm. */

#include "cli/cli.h"

extern const struct cli_command machine_ls_command;
extern const struct cli_command machine_show_command;
extern const struct cli_command machine_rm_command;

#endif
