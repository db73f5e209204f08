/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_ABOUT_H
#define BERTH_BERTH_CMD_ABOUT_H

/* version, capabilities: what is known about berth itself. */

#include "cli/cli.h"

extern const struct cli_command version_command;
extern const struct cli_command capabilities_command;

#endif
