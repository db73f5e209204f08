/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_EXEC_LOGS_H
#define BERTH_BERTH_CMD_EXEC_LOGS_H

/* exec logs, exec watch. */

#include "cli/cli.h"

extern const struct cli_command exec_logs_command;
extern const struct cli_command exec_watch_command;

#endif
