/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CMD_PLAY_H
#define BERTH_CMD_PLAY_H

/*
 * What is kept of sessions on this machine: recordings are played, the log of
 * logins is read by berthd, which writes it.
 */

#include "cli/cli.h"

extern const struct cli_command session_play_command;
extern const struct cli_command audit_command;

#endif
