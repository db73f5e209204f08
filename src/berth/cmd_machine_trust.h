/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_MACHINE_TRUST_H
#define BERTH_BERTH_CMD_MACHINE_TRUST_H

/* machine trust: a host key that a person has compared becomes the known one.
 */

#include "cli/cli.h"

extern const struct cli_command machine_trust_command;

#endif
