/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_CMD_EVENTS_H
#define BERTH_BERTH_CMD_EVENTS_H

/*
 * events: what happened to the links of this host.
 */

struct cli_command;

extern const struct cli_command events_command;

#endif
