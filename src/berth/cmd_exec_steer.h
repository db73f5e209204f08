/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_EXEC_STEER_H
#define BERTH_BERTH_CMD_EXEC_STEER_H

/* exec write, resize, signal, cancel: what reaches into a running exec. */

#include "cli/cli.h"

extern const struct cli_command exec_write_command;
extern const struct cli_command exec_resize_command;
extern const struct cli_command exec_signal_command;
extern const struct cli_command exec_cancel_command;

#endif
