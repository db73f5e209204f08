/* SPDX-License-Identifier: ISC */

/*
 * The control API; see control.h.
 *
 * Each answer that takes time is a struct of its own, which dies in the
 * on_gone of its exchange and nowhere else.
 */

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/sock.h"
#include "core/text.h"
#include "http/server.h"
#include "wire/errors.h"
#include "link/control.h"
#include "link/control_stream.h"
#include "link/events.h"
#include "link/front.h"
#include "link/link.h"
#include "link/prompt.h"

#define MAX_TEXT (128u << 10)
#define MAX_REQUEST (64u << 10)
#define MAX_LINE 16384

#define JSON_TYPE "application/json; charset=utf-8"
#define NDJSON_TYPE "application/x-ndjson; charset=utf-8"
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct control {
	struct control_config config;
	struct http_server *server;
};

typedef void handler_fn(struct control *control, struct http_exchange *x);

void
control_reply_error(struct http_exchange *x, const struct err *err)
{
	AUTO_BUF text = BUF_INIT(8192);

	(void)error_json_add(&text, err);
	(void)buf_addc(&text, '\n');
	http_reply(x, error_row(err->code)->http_status, JSON_TYPE,
		   buf_bytes(&text), text.len);
}

static void
reply_json(struct http_exchange *x, struct buf *json)
{
	(void)buf_addc(json, '\n');
	http_reply(x, 200, JSON_TYPE, buf_bytes(json), json->len);
}

static void
add_error(struct jsonw *w, const struct err *err)
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

static void
show_link(struct control *control, struct http_exchange *x)
{
	const struct control_config *config = &control->config;
	AUTO_BUF text = BUF_INIT(MAX_TEXT);
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
	add_error(&w, status.why);
	add_loss(&w, &status);
	jsonw_u64(&w, "next_retry_ms", status.retry_ms);
	jsonw_str(&w, "host_key", status.host_key);
	jsonw_str(&w, "ssh_socket", status.ssh_socket);
	jsonw_int(&w, "schema_version", WIRE_SCHEMA_VERSION);
	jsonw_object_end(&w);
	reply_json(x, &text);
}

/* POST /v1/link/connect, POST /v1/link/up */

struct waiter {
	struct control *control;
	struct http_exchange *x;
	struct link_watcher watcher;
	struct prompt_asker asker;
};

struct wish {
	bool wait, interactive, upgrade, again, daemon;
};

static const struct json_field connect_fields[] = {
	JSON_F(struct wish, wait, BOOL, false),
	JSON_F(struct wish, interactive, BOOL, false),
	JSON_F(struct wish, again, BOOL, false),
	JSON_F(struct wish, daemon, BOOL, false),
};

static const struct json_field up_fields[] = {
	JSON_F(struct wish, upgrade, BOOL, false),
	JSON_F(struct wish, interactive, BOOL, false),
};

static const struct json_field down_fields[] = {
	JSON_F(struct wish, interactive, BOOL, false),
};

static void
begin_line(struct jsonw *w, const char *type)
{
	jsonw_object(w, NULL);
	jsonw_str(w, "type", type);
}

static void
send_line(struct http_exchange *x, struct jsonw *w)
{
	jsonw_object_end(w);
	(void)buf_addc(w->out, '\n');
	(void)http_reply_write(x, buf_bytes(w->out), w->out->len);
}

static void
on_stage(const char *stage, uint64_t ms, void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	begin_line(&w, "stage");
	jsonw_str(&w, "stage", stage);
	jsonw_u64(&w, "ms", ms);
	send_line(waiter->x, &w);
}

static void
on_retry(int64_t attempt, uint64_t in_ms, const struct err *why, void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	begin_line(&w, "retry");
	jsonw_int(&w, "attempt", attempt);
	jsonw_u64(&w, "in_ms", in_ms);
	add_error(&w, why);
	send_line(waiter->x, &w);
}

static void
send_active(struct control *control, struct http_exchange *x)
{
	AUTO_BUF line = BUF_INIT(MAX_TEXT);
	struct jsonw w = JSONW_INIT(&line);
	struct link_status status;

	link_status(control->config.link, &status);
	begin_line(&w, "active");
	add_hello(&w, status.hello);
	add_daemon(&w, status.daemon);
	send_line(x, &w);
	http_reply_end(x);
}

/* The answer is complete; its struct goes with the exchange. */
static void
leave(struct waiter *waiter)
{
	link_unwatch(&waiter->watcher);
	prompts_leave(link_prompts(waiter->control->config.link),
		      &waiter->asker);
}

static void
on_active(void *owner)
{
	struct waiter *waiter = owner;

	leave(waiter);
	send_active(waiter->control, waiter->x);
}

static void
on_stopped(void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	leave(waiter);
	begin_line(&w, "stopped");
	send_line(waiter->x, &w);
	http_reply_end(waiter->x);
}

static void
on_failed(const struct err *why, const char *stage, void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	leave(waiter);
	begin_line(&w, "failed");
	add_error(&w, why);
	jsonw_str(&w, "stage", stage);
	send_line(waiter->x, &w);
	http_reply_end(waiter->x);
}

static void
on_prompt(const struct prompt_card *card, void *owner)
{
	struct waiter *waiter = owner;
	AUTO_BUF line = BUF_INIT(MAX_LINE);
	struct jsonw w = JSONW_INIT(&line);

	begin_line(&w, "prompt");
	jsonw_str(&w, "id", card->id);
	jsonw_str(&w, "kind", prompt_kind_name(card->kind));
	jsonw_str(&w, "text", card->text);
	jsonw_bool(&w, "echo", card->echo);
	jsonw_bool(&w, "notice", card->is_notice);
	if (card->fingerprint[0])
		jsonw_str(&w, "fingerprint", card->fingerprint);
	send_line(waiter->x, &w);
}

static void
on_waiter_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct waiter *waiter = owner;

	leave(waiter);
	link_release(waiter->control->config.link);
	free(waiter);
}

static struct waiter *
wait_for(struct control *control, struct http_exchange *x,
	 const struct wish *wish)
{
	struct waiter *waiter = xcalloc(1, sizeof(*waiter));
	struct link *link = control->config.link;

	waiter->control = control;
	waiter->x = x;
	waiter->watcher = (struct link_watcher){ .on_stage = on_stage,
						 .on_retry = on_retry,
						 .on_active = on_active,
						 .on_stopped = on_stopped,
						 .on_failed = on_failed,
						 .owner = waiter,
						 .is_bare = !wish->daemon };
	waiter->asker = (struct prompt_asker){ .on_prompt = on_prompt,
					       .owner = waiter };
	list_init(&waiter->asker.link);
	link_watch(link, &waiter->watcher);
	if (wish->interactive)
		prompts_join(link_prompts(link), &waiter->asker);
	link_use(link);
	http_exchange_own(x, waiter, on_waiter_gone);
	return waiter;
}

static int
read_wish(const struct buf *body, const struct json_field *fields, size_t n,
	  struct wish *ret, struct err *err)
{
	if (body->len == 0)
		return 0;
	return json_decode_text(buf_bytes(body), body->len, fields, n, 0, ret,
				err);
}

static void
on_connect(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct control *control = owner;
	struct link *link = control->config.link;
	struct wish wish = { .wait = true, .daemon = true };
	struct err err = ERR_INIT;

	if (read_wish(body, connect_fields, ARRAY_SIZE(connect_fields), &wish,
		      &err) < 0) {
		control_reply_error(x, &err);
		return;
	}
	http_reply_start(x, 200, NDJSON_TYPE, -1);
	if (wish.daemon)
		link_connect(link, wish.again);
	else
		link_connect_bare(link, wish.again);
	if (link_state(link) == LINK_ACTIVE &&
	    !(wish.daemon && link_is_bare(link)))
		send_active(control, x);
	else if (wish.wait)
		(void)wait_for(control, x, &wish);
	else
		http_reply_end(x);
}

static void
on_up(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct control *control = owner;
	struct wish wish = { .wait = true, .daemon = true };
	struct err err = ERR_INIT;

	if (read_wish(body, up_fields, ARRAY_SIZE(up_fields), &wish, &err) <
	    0) {
		control_reply_error(x, &err);
		return;
	}
	http_reply_start(x, 200, NDJSON_TYPE, -1);
	(void)wait_for(control, x, &wish);
	link_up(control->config.link, wish.upgrade);
}

/* POST /v1/link/down */

static void
on_down(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct control *control = owner;
	struct wish wish = { .wait = true };
	struct err err = ERR_INIT;

	if (read_wish(body, down_fields, ARRAY_SIZE(down_fields), &wish, &err) <
	    0) {
		control_reply_error(x, &err);
		return;
	}
	http_reply_start(x, 200, NDJSON_TYPE, -1);
	wait_for(control, x, &wish)->watcher.on_active = NULL;
	link_down(control->config.link);
}

static void
collect(struct control *control, struct http_exchange *x, http_body_fn *done)
{
	http_exchange_own(x, control, NULL);
	http_exchange_collect(x, MAX_REQUEST, done);
}

static void
connect_link(struct control *control, struct http_exchange *x)
{
	collect(control, x, on_connect);
}

static void
bring_up(struct control *control, struct http_exchange *x)
{
	collect(control, x, on_up);
}

static void
bring_down(struct control *control, struct http_exchange *x)
{
	collect(control, x, on_down);
}

/* POST /v1/link/prompts/{id} */

struct reply {
	char *answer;
	bool cancel;
};

static const struct json_field reply_fields[] = {
	JSON_F(struct reply, answer, STR, false),
	JSON_F(struct reply, cancel, BOOL, false),
};

static const char prompts_path[] = "/v1/link/prompts/";

static int
pass_answer(struct control *control, struct http_exchange *x,
	    const struct buf *body, struct reply *reply, struct err *err)
{
	const char *id = http_exchange_head(x)->path + strlen(prompts_path);

	if (json_decode_text(buf_bytes(body), body->len, reply_fields,
			     ARRAY_SIZE(reply_fields), 0, reply, err) < 0)
		return -1;
	if ((reply->answer == NULL) != reply->cancel)
		return err_set(err, ERR_INVALID,
			       "give an answer, or cancel, not both");
	return prompts_answer(link_prompts(control->config.link), id,
			      reply->answer, err);
}

static void
on_reply(struct http_exchange *x, const struct buf *body, void *owner)
{
	AUTO_BUF text = BUF_INIT(64);
	struct reply reply = { 0 };
	struct err err = ERR_INIT;
	int rc = pass_answer(owner, x, body, &reply, &err);

	/* It may be a password. */
	if (reply.answer)
		explicit_bzero(reply.answer, strlen(reply.answer));
	explicit_bzero(buf_bytes(body), body->len);
	json_fields_fini(reply_fields, ARRAY_SIZE(reply_fields), &reply);
	if (rc < 0) {
		control_reply_error(x, &err);
		return;
	}
	(void)buf_adds(&text, "{\"ok\":true}");
	reply_json(x, &text);
}

static void
answer_prompt(struct control *control, struct http_exchange *x)
{
	collect(control, x, on_reply);
}

/* POST /v1/link/stream */

static void
on_stream(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct control *control = owner;

	control_stream_start(control->config.link, control->config.front, x,
			     body);
}

static void
open_stream(struct control *control, struct http_exchange *x)
{
	collect(control, x, on_stream);
}

/* POST /v1/link/stop */

static void
stop(struct control *control, struct http_exchange *x)
{
	AUTO_BUF text = BUF_INIT(64);

	(void)buf_adds(&text, "{\"stopping\":true}");
	reply_json(x, &text);
	control->config.on_stop(control->config.owner);
}

/* GET /v1/link/events */

struct follower {
	struct http_exchange *x;
	struct events_follower follower;
};

static void
on_event(const char *line, size_t n, void *owner)
{
	(void)http_reply_write(owner, line, n);
}

/* Who reads too slowly has to come again. */
static void
on_new_event(const char *line, size_t n, void *owner)
{
	if (http_reply_write(owner, line, n))
		http_exchange_abort(owner);
}

static void
on_follower_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct follower *follower = owner;

	events_unfollow(&follower->follower);
	free(follower);
}

static void
show_events(struct control *control, struct http_exchange *x)
{
	static const char *const known[] = { "follow", NULL };
	const struct http_head *head = http_exchange_head(x);
	AUTO_FREE char *unknown = http_head_unknown_query(head, known);
	AUTO_FREE char *follow = http_head_query(head, "follow");
	struct events *events = control->config.events;
	struct err err = ERR_INIT;

	if (unknown) {
		err_set(&err, ERR_INVALID, "%.64s: unknown query parameter",
			unknown);
		control_reply_error(x, &err);
		return;
	}
	http_reply_start(x, 200, NDJSON_TYPE, -1);
	events_recent(events, on_event, x);
	if (follow && !str_eq(follow, "false")) {
		struct follower *follower = xcalloc(1, sizeof(*follower));

		follower->follower.on_line = on_new_event;
		follower->follower.owner = x;
		events_follow(events, &follower->follower);
		http_exchange_own(x, follower, on_follower_gone);
	} else {
		http_reply_end(x);
	}
}

/* GET /metrics */

static void
add_metric(struct buf *out, const char *name, const char *type,
	   const char *help)
{
	(void)buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		       type);
}

static void
show_metrics(struct control *control, struct http_exchange *x)
{
	const char *machine = control->config.machine;
	AUTO_BUF text = BUF_INIT(MAX_TEXT);
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

/* Routing */

static const struct {
	const char *method, *path;
	bool is_prefix;
	handler_fn *handle;
} routes[] = {
	{ "GET", "/v1/link", false, show_link },
	{ "POST", "/v1/link/connect", false, connect_link },
	{ "POST", prompts_path, true, answer_prompt },
	{ "POST", "/v1/link/stream", false, open_stream },
	{ "POST", "/v1/link/up", false, bring_up },
	{ "POST", "/v1/link/down", false, bring_down },
	{ "POST", "/v1/link/stop", false, stop },
	{ "GET", "/v1/link/events", false, show_events },
	{ "GET", "/metrics", false, show_metrics },
};

static void
on_request(struct http_exchange *x, void *owner)
{
	const struct http_head *head = http_exchange_head(x);
	struct err err = ERR_INIT;
	uid_t uid;
	pid_t pid;

	if (!sock_peer(http_exchange_fd(x), &uid, &pid) || uid != geteuid()) {
		err_set(&err, ERR_DENIED, "this is the link of uid %u",
			geteuid());
		control_reply_error(x, &err);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		bool fits = routes[i].is_prefix
				? str_starts(head->path, routes[i].path)
				: str_eq(head->path, routes[i].path);

		if (fits && str_eq(head->method, routes[i].method)) {
			routes[i].handle(owner, x);
			return;
		}
	}
	err_set(&err, ERR_NOT_FOUND, "a link has no %s %.200s", head->method,
		head->path);
	control_reply_error(x, &err);
}

struct control *
control_new(const struct control_config *config, int fd, struct err *err)
{
	static const struct http_guard guard = { .refuse_origin = true };
	struct control *control = xcalloc(1, sizeof(*control));
	const struct http_server_config server = { .loop = config->loop,
						   .on_request = on_request,
						   .owner = control,
						   .add_error =
						       error_json_add };

	control->config = *config;
	control->server = http_server_new(&server);
	if (http_server_listen(control->server, fd, &guard, err) == 0)
		return control;
	http_server_free(control->server);
	free(control);
	return NULL;
}

void
control_drain(struct control *control)
{
	http_server_drain(control->server);
}

size_t
control_n_conns(const struct control *control)
{
	return http_server_n_conns(control->server);
}

void
control_stop(struct control *control)
{
	if (control)
		http_server_free(TAKE(control->server));
}

void
control_free(struct control *control)
{
	free(control);
}
