/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_DOCTOR_H
#define BERTH_BERTH_CMD_DOCTOR_H

/* doctor, also called exec doctor. */

#include "cli/cli.h"

extern const struct cli_command doctor_command;

#endif
