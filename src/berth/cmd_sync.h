/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_SYNC_H
#define BERTH_BERTH_CMD_SYNC_H

/* sync push, sync pull. */

#include "cli/cli.h"

extern const struct cli_command sync_command;

#endif
