/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_COMPLETE_H
#define BERTH_BERTH_CMD_COMPLETE_H

/* __complete: what completion scripts ask for. */

#include "cli/cli.h"

extern const struct cli_command complete_command;

#endif
