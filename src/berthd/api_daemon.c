/* SPDX-License-Identifier: ISC */

/* The daemon about itself: health, identity, metrics, its end; see api.h. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berthd/api.h"
#include "berthd/daemon.h"
#include "berthd/exec/exec.h"
#include "berthd/exec/store.h"
#include "berthd/host.h"
#include "berthd/reply.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/proc.h"
#include "http/server.h"
#include "http/stream.h"
#include "wire/errors.h"
#include "wire/version.h"

#define MAX_TEXT (64u << 10)
#define HANDOVER_PROTOCOL "berth-handover"

static const char *const capabilities[] = {
	"exec",		"exec.tty",	  "exec.stdin",	    "exec.script",
	"exec.project", "exec.artifacts", "exec.limits",    "logs.frames",
	"logs.follow",	"logs.grep",	  "file",	    "sync",
	"handover",	"session",	  "session.attach",
};

static void
count_states(const struct daemon *daemon, size_t counts[EXEC_STATES])
{
	size_t n = exec_store_len(daemon->store);

	memset(counts, 0, EXEC_STATES * sizeof(*counts));
	for (size_t i = 0; i < n; i++)
		counts[exec_store_at(daemon->store, i)->kind]++;
}

/* Proportional and resident memory of this process in bytes; 0: unknown. */
static uint64_t
read_memory(void)
{
	AUTO_BUF text = BUF_INIT(MAX_TEXT);
	struct err err = ERR_INIT;
	unsigned long size, resident;

	if (fs_read_file(AT_FDCWD, "/proc/self/statm", &text, &err) < 0 ||
	    sscanf(buf_text(&text), "%lu %lu", &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void
api_health(struct daemon *daemon UNUSED, struct http_exchange *x,
	   const char *id UNUSED)
{
	AUTO_BUF text = BUF_INIT(1024);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", true);
	jsonw_str(&w, "version", BERTH_VERSION);
	jsonw_time(&w, "time", clock_wall_ns());
	jsonw_object_end(&w);
	reply_json(x, &text);
}

static void
add_identity(const struct daemon *daemon, struct jsonw *w)
{
	jsonw_str(w, "version", BERTH_VERSION);
	jsonw_int(w, "api", WIRE_API);
	jsonw_int(w, "pid", getpid());
	jsonw_int(w, "uid", geteuid());
	jsonw_str(w, "host_id", proc_host_id());
	jsonw_str(w, "boot_id", proc_boot_id());
	jsonw_str(w, "nonce", daemon->nonce);
	jsonw_time(w, "started_at", daemon->started_ns);
}

void
api_hello(struct daemon *daemon, struct http_exchange *x, const char *id UNUSED)
{
	AUTO_BUF text = BUF_INIT(4096);
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	add_identity(daemon, &w);
	jsonw_array(&w, "capabilities");
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++)
		jsonw_str(&w, NULL, capabilities[i]);
	jsonw_array_end(&w);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	reply_json(x, &text);
}

void
api_daemon(struct daemon *daemon, struct http_exchange *x,
	   const char *id UNUSED)
{
	AUTO_BUF text = BUF_INIT(16384);
	struct jsonw w = JSONW_INIT(&text);
	size_t counts[EXEC_STATES];

	count_states(daemon, counts);
	jsonw_object(&w, NULL);
	add_identity(daemon, &w);
	jsonw_str(&w, "socket", daemon->places.socket);
	jsonw_str(&w, "listen", daemon->tcp_name);
	jsonw_str(&w, "state_dir", daemon->places.state);
	jsonw_str(&w, "config_file", daemon->config->file);
	jsonw_object(&w, "execs");
	for (unsigned i = 0; i < EXEC_STATES; i++)
		jsonw_u64(&w, exec_state_name(i), counts[i]);
	jsonw_object_end(&w);
	jsonw_u64(&w, "connections", http_server_n_conns(daemon->server));
	jsonw_u64(&w, "memory_bytes", read_memory());
	jsonw_time(&w, "time", clock_wall_ns());
	host_add_json(&w, daemon->places.state);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	reply_json(x, &text);
}

/* Metrics in Prometheus' text format. */

static void
add_metric(struct buf *out, const char *name, const char *type,
	   const char *help)
{
	(void)buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		       type);
}

static void
add_latency(struct buf *out, const struct daemon_stats *stats)
{
	static const char *const bounds[] = { "0.001", "0.002", "0.005", "0.01",
					      "0.02",  "0.05",	"0.1",	 "0.2",
					      "0.5",   "1" };
	static const char name[] = "berth_exec_start_seconds";
	uint64_t sum = 0;

	_Static_assert(ARRAY_SIZE(bounds) == LATENCY_BUCKETS, "a bound each");
	add_metric(out, name, "histogram",
		   "From a start request to its acknowledgement");
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		sum += stats->start_ms[i];
		(void)buf_addf(out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name,
			       bounds[i], sum);
	}
	(void)buf_addf(out,
		       "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %" PRIu64
		       ".%03u\n%s_count %" PRIu64 "\n",
		       name, stats->starts, name, stats->start_ms_total / 1000,
		       (unsigned)(stats->start_ms_total % 1000), name,
		       stats->starts);
}

void
api_metrics(struct daemon *daemon, struct http_exchange *x,
	    const char *id UNUSED)
{
	AUTO_BUF out = BUF_INIT(MAX_TEXT);
	size_t counts[EXEC_STATES];

	count_states(daemon, counts);
	add_metric(&out, "berth_jobs", "gauge", "Execs kept, by state");
	for (unsigned i = 0; i < EXEC_STATES; i++)
		(void)buf_addf(&out, "berth_jobs{state=\"%s\"} %zu\n",
			       exec_state_name(i), counts[i]);
	add_latency(&out, &daemon->stats);
	add_metric(&out, "berth_requests_total", "counter",
		   "Requests received");
	(void)buf_addf(&out, "berth_requests_total %" PRIu64 "\n",
		       daemon->stats.requests);
	add_metric(&out, "berth_requests_refused_total", "counter",
		   "Requests without permission or sense");
	(void)buf_addf(&out, "berth_requests_refused_total %" PRIu64 "\n",
		       daemon->stats.refused);
	add_metric(&out, "berth_connections", "gauge", "Open connections");
	(void)buf_addf(&out, "berth_connections %zu\n",
		       http_server_n_conns(daemon->server));
	add_metric(&out, "berth_memory_bytes", "gauge",
		   "Resident memory of the daemon");
	(void)buf_addf(&out, "berth_memory_bytes %" PRIu64 "\n", read_memory());
	add_metric(&out, "berth_uptime_seconds", "gauge",
		   "Since the daemon started");
	(void)buf_addf(
	    &out, "berth_uptime_seconds %" PRIu64 "\n",
	    (uint64_t)((clock_wall_ns() - daemon->started_ns) / NS_PER_S));
	http_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8",
		   buf_bytes(&out), out.len);
}

void
api_stop(struct daemon *daemon, struct http_exchange *x, const char *id UNUSED)
{
	static const char text[] = "{\"ok\":true}\n";

	/* First: who has the answer must not find this daemon any more. */
	daemon_stop(daemon);
	http_reply(x, 200, REPLY_JSON, text, strlen(text));
}

static bool
is_start_in_flight(const struct daemon *daemon)
{
	for (size_t i = 0; i < exec_store_len(daemon->store); i++) {
		if (!exec_store_at(daemon->store, i)->is_acknowledged)
			return true;
	}
	return false;
}

void
api_handover(struct daemon *daemon, struct http_exchange *x,
	     const char *id UNUSED)
{
	struct err err = ERR_INIT;
	struct stream *stream;
	int in_fd, out_fd;

	if (daemon->is_stopping || is_start_in_flight(daemon)) {
		err_set(&err, ERR_UNREACHABLE, "a start is in flight");
		reply_error(x, &err);
		return;
	}
	stream = http_upgrade(x, HANDOVER_PROTOCOL);
	stream_detach(stream, &in_fd, &out_fd);
	daemon_hand_over(daemon, out_fd);
	close(out_fd);
}
