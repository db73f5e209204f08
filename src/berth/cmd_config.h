/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_CONFIG_H
#define BERTH_BERTH_CMD_CONFIG_H

/* berth config: the file in which machines are described. */

#include "cli/cli.h"

extern const struct cli_command config_command;

#endif
