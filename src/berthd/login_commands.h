/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_LOGIN_COMMANDS_H
#define BERTHD_LOGIN_COMMANDS_H

/*
 * The command line of the front door: login and audit.
 */

#include "cli/cli.h"

extern const struct cli_command login_commands_login;
extern const struct cli_command login_commands_audit;

#endif
