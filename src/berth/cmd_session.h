/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_SESSION_H
#define BERTH_BERTH_CMD_SESSION_H

/* session new, ls, attach, send, capture, wait, kill, rename. */

#include "cli/cli.h"

extern const struct cli_command session_new_command;
extern const struct cli_command session_ls_command;
extern const struct cli_command session_attach_command;
extern const struct cli_command session_send_command;
extern const struct cli_command session_capture_command;
extern const struct cli_command session_wait_command;
extern const struct cli_command session_kill_command;
extern const struct cli_command session_rename_command;

#endif
