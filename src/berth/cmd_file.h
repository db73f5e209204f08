/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_FILE_H
#define BERTH_BERTH_CMD_FILE_H

/* file read, write, ls, stat, mkdir, rm, mv, cp. */

#include "cli/cli.h"

extern const struct cli_command file_command;

#endif
