/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_TELEMETRY_H
#define BERTH_BERTH_TELEMETRY_H

/*
 * What scripts of machines with `use_direct_addr' read on standard error: one
 * line of JSON per command about the tunnel it came through.
 */

struct client;

/* Nothing without a tunnel.  `exec_id' may be NULL. */
void tell_tunnel(const struct client *client, const char *event,
		 const char *exec_id);

#endif
