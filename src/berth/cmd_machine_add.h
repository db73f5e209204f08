/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_MACHINE_ADD_H
#define BERTH_BERTH_CMD_MACHINE_ADD_H

/* berth machine add, edit: by options, or asked step by step. */

#include "cli/cli.h"

extern const struct cli_command machine_add_command;
extern const struct cli_command machine_edit_command;

#endif
