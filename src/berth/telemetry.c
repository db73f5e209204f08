/* SPDX-License-Identifier: ISC */

/* Lines about tunnels; see telemetry.h. */

#include <stdio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/jsonw.h"
#include "client/client.h"
#include "berth/telemetry.h"

#define MAX_LINE 4096

void
tell_tunnel(const struct client *client, const char *event, const char *exec_id)
{
	const struct reach *reach = client_reach(client);
	const struct tunnel *tunnel = &reach->tunnel;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);
	char latency[32];

	if (!reach->is_tunnelled)
		return;
	snprintf(latency, sizeof(latency), "%.3fms",
		 (double)tunnel->health_us / 1000);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "event", event);
	jsonw_str(&w, "mode", "direct_addr_tunnel");
	jsonw_str(&w, "machine", reach->machine);
	jsonw_int(&w, "local_port", tunnel->port);
	jsonw_str(&w, "exec_id", exec_id);
	jsonw_int(&w, "tunnel_pid", tunnel->pid);
	jsonw_str(&w, "health_latency", latency);
	jsonw_int(&w, "retry_count", tunnel->n_retries);
	jsonw_object_end(&w);
	if (jsonw_done(&w) == 0 && buf_addc(&line, '\n') == 0)
		(void)!write(STDERR_FILENO, buf_bytes(&line), line.len);
}
