/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_MACHINE_UP_H
#define BERTH_BERTH_CMD_MACHINE_UP_H

/* machine up and machine down: the daemon of a machine installed, started,
 * stopped. */

#include "cli/cli.h"

extern const struct cli_command machine_up_command, machine_down_command;

#endif
