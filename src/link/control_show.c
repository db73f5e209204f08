/* SPDX-License-Identifier: ISC */

/*
 * What the control API shows of the link; see control_parts.h.
 */

#include <inttypes.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "http/server.h"
#include "wire/errors.h"
#include "link/control_parts.h"
#include "link/front.h"
#include "link/link.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void
control_add_error(struct jsonw *w, const struct err *err)
{
	if (err == NULL) {
		jsonw_null(w, "error");
		return;
	}
	jsonw_object(w, "error");
	jsonw_str(w, "code", error_row(err->code)->word);
	jsonw_str(w, "message", err->msg);
	jsonw_str(w, "hint", err->hint[0] ? err->hint : NULL);
	jsonw_bool(w, "retryable", error_is_retryable(err));
	jsonw_object_end(w);
}

static void
add_loss(struct jsonw *w, const struct link_status *status)
{
	if (status->lost == NULL) {
		jsonw_null(w, "last_loss");
		return;
	}
	jsonw_object(w, "last_loss");
	jsonw_time(w, "time", status->lost_ns);
	jsonw_str(w, "message", status->lost->msg);
	jsonw_object_end(w);
}

static void
add_hello(struct jsonw *w, const struct buf *hello)
{
	if (hello->len > 0)
		jsonw_raw(w, "hello", buf_text(hello));
	else
		jsonw_null(w, "hello");
}

static void
add_daemon(struct jsonw *w, const struct link_daemon *daemon)
{
	if (daemon == NULL) {
		jsonw_null(w, "daemon");
		return;
	}
	jsonw_object(w, "daemon");
	jsonw_str(w, "program", daemon->program);
	jsonw_str(w, "home", daemon->home);
	jsonw_str(w, "life", daemon->life);
	jsonw_str(w, "kernel", daemon->machine);
	jsonw_bool(w, "installed", daemon->was_installed);
	jsonw_bool(w, "upgraded", daemon->was_upgraded);
	jsonw_object_end(w);
}

void
control_add_there(struct jsonw *w, struct link *link)
{
	struct link_status status;

	link_status(link, &status);
	add_hello(w, status.hello);
	add_daemon(w, status.daemon);
}

/* GET /v1/link */

static void
add_numbers(struct jsonw *w, const struct link_status *status)
{
	struct meter *meter = status->meter;
	uint64_t now = clock_mono_ms();

	if (meter->rtt_us)
		jsonw_seconds(w, "rtt_ms", meter->rtt_us);
	else
		jsonw_null(w, "rtt_ms");
	jsonw_u64(w, "throughput_in", meter_rate(meter, now, METER_IN));
	jsonw_u64(w, "throughput_out", meter_rate(meter, now, METER_OUT));
	jsonw_u64(w, "bytes_in", meter->bytes[METER_IN]);
	jsonw_u64(w, "bytes_out", meter->bytes[METER_OUT]);
	jsonw_u64(w, "reconnects", status->reconnects);
}

void
control_show_link(struct control *control, struct http_exchange *x)
{
	const struct control_config *config = &control->config;
	AUTO_BUF text = BUF_INIT(CONTROL_MAX_TEXT);
	struct jsonw w = JSONW_INIT(&text);
	struct link_status status;

	link_status(config->link, &status);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "machine", config->machine);
	jsonw_str(&w, "state", link_state_name(status.state));
	jsonw_time(&w, "since", status.since_ns);
	jsonw_str(&w, "transport", status.transport);
	jsonw_int(&w, "pid", getpid());
	add_numbers(&w, &status);
	jsonw_u64(&w, "streams",
		  front_n_visitors(config->front) + status.n_near);
	jsonw_u64(&w, "near", status.n_near);
	jsonw_u64(&w, "spare", status.n_spare);
	add_hello(&w, status.hello);
	add_daemon(&w, status.daemon);
	control_add_error(&w, status.why);
	add_loss(&w, &status);
	jsonw_u64(&w, "next_retry_ms", status.retry_ms);
	jsonw_str(&w, "host_key", status.host_key);
	jsonw_str(&w, "ssh_socket", status.ssh_socket);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	control_reply_json(x, &text);
}

/* GET /metrics */

static void
add_metric(struct buf *out, const char *name, const char *type,
	   const char *help)
{
	(void)buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		       type);
}

void
control_show_metrics(struct control *control, struct http_exchange *x)
{
	const char *machine = control->config.machine;
	AUTO_BUF text = BUF_INIT(CONTROL_MAX_TEXT);
	struct link_status status;

	link_status(control->config.link, &status);
	add_metric(&text, "berth_link_state", "gauge",
		   "1 for the state the link is in");
	for (int i = 0; i < LINK_STATES; i++)
		(void)buf_addf(&text,
			       "berth_link_state{machine=\"%s\",state=\"%s\"} "
			       "%d\n",
			       machine, link_state_name((enum link_state)i),
			       (int)status.state == i);
	add_metric(&text, "berth_link_rtt_seconds", "gauge",
		   "Round trip to the machine, smoothed");
	(void)buf_addf(&text, "berth_link_rtt_seconds{machine=\"%s\"} %.6f\n",
		       machine, (double)status.meter->rtt_us / 1e6);
	add_metric(&text, "berth_reconnects_total", "counter",
		   "How often the connection was lost");
	(void)buf_addf(&text,
		       "berth_reconnects_total{machine=\"%s\"} %" PRIu64 "\n",
		       machine, status.reconnects);
	add_metric(&text, "berth_link_bytes_total", "counter",
		   "Bytes of streams");
	for (int i = 0; i < 2; i++)
		(void)buf_addf(&text,
			       "berth_link_bytes_total{machine=\"%s\","
			       "direction=\"%s\"} %" PRIu64 "\n",
			       machine, i == METER_IN ? "in" : "out",
			       status.meter->bytes[i]);
	http_reply(x, 200, METRICS_TYPE, buf_bytes(&text), text.len);
}
