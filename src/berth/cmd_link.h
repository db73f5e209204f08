/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_LINK_H
#define BERTH_BERTH_CMD_LINK_H

/*
 * link ls, link status, link stop: the connections to machines.
 */

struct cli_command;

extern const struct cli_command link_command;

#endif
