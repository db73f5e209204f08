/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_MACHINE_SSH_H
#define BERTH_BERTH_CMD_MACHINE_SSH_H

/* machine ssh: a shell or a command over the connection of the link. */

#include "cli/cli.h"

extern const struct cli_command machine_ssh_command;

#endif
