/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_MACHINE_CHECK_H
#define BERTH_BERTH_CMD_MACHINE_CHECK_H

/* machine check: machines looked at, stage by stage. */

#include "cli/cli.h"

extern const struct cli_command machine_check_command;

#endif
