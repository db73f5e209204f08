/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_SECRET_H
#define BERTH_BERTH_CMD_SECRET_H

/* berth secret: what only its owner may read. */

#include "cli/cli.h"

extern const struct cli_command secret_command;

#endif
