/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_COMMANDS_H
#define BERTH_BERTH_COMMANDS_H

/* Everything that can be typed: the table of `berth'. */

#include "cli/cli.h"

extern const struct cli_program berth_program;

#endif
