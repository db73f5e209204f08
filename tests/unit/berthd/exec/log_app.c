/* SPDX-License-Identifier: ISC */

/* Server and clients for tests; see log_app.h. */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/jsonw.h"
#include "core/mem.h"
#include "http/client.h"
#include "http/server.h"
#include "berthd/exec/log_stream.h"
#include "tests/unit/unit.h"

#include "tests/unit/berthd/exec/log_app.h"

static const struct http_guard anybody;

/* Long enough for valgrind. */
#define PATIENCE_MS 60000

static void
describe_started(void *exec UNUSED, struct jsonw *w)
{
	jsonw_str(w, "exec_id", "01test");
	jsonw_str(w, "status", "running");
}

static void
describe_finished(void *exec UNUSED, struct jsonw *w)
{
	jsonw_str(w, "exec_id", "01test");
	jsonw_int(w, "exit_code", 7);
}

static void
describe_result(void *exec, struct jsonw *w)
{
	describe_finished(exec, w);
	jsonw_str(w, "cmd", "true");
}

static void
on_idle(void *exec)
{
	struct log_app *app = exec;

	app->n_idle++;
}

static void
on_request(struct http_exchange *x, void *owner)
{
	struct log_app *app = owner;
	struct err err = ERR_INIT;
	struct log_query q;

	if (app->query)
		q = *app->query;
	else if (log_query_parse(http_exchange_head(x), &q, &err) < 0)
		fail_msg("%s", err.msg);
	log_stream_start(x, &app->src, &q, &app->loop);
}

void
log_app_init(struct log_app *app)
{
	struct http_server_config config = {
		.loop = &app->loop,
		.on_request = on_request,
		.owner = app,
	};

	*app = (struct log_app){ 0 };
	assert_int_equal(uv_loop_init(&app->loop), 0);
	log_fixture_init(&app->f);
	app->server = http_server_new(&config);
	app->src = (struct log_source){
		.dir_fd = app->f.dir_fd,
		.exec_id = "01test",
		.exec = app,
		.describe_started = describe_started,
		.describe_finished = describe_finished,
		.describe_result = describe_result,
		.on_idle = on_idle,
	};
}

void
log_app_fini(struct log_app *app)
{
	log_source_fini(&app->src);
	http_server_free(app->server);
	uv_run(&app->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&app->loop), 0);
	log_fixture_fini(&app->f);
}

void
log_app_end(struct log_app *app)
{
	app->src.is_ended = true;
	log_source_changed(&app->src);
}

void
log_app_settle(struct log_app *app)
{
	for (int i = 0; i < 20; i++)
		uv_run(&app->loop, UV_RUN_NOWAIT);
}

static void
take_header(char **to, const struct http_head *head, const char *name)
{
	const char *value = http_head_find(head, name);

	free(*to);
	*to = value ? xstrdup(value) : NULL;
}

static void
on_head(struct http_call *call UNUSED, const struct http_head *head,
	void *owner)
{
	struct log_client *c = owner;

	c->status = head->status;
	take_header(&c->length, head, "Content-Length");
	take_header(&c->type, head, "Content-Type");
	take_header(&c->size, head, "Berth-Stream-Size");
	take_header(&c->range, head, "Berth-Range");
	take_header(&c->gaps, head, "Berth-Gaps");
	take_header(&c->state, head, "Berth-Exec-Status");
}

static void
on_data(struct http_call *call UNUSED, const void *bytes, size_t n, void *owner)
{
	struct log_client *c = owner;

	c->n_total += n;
	if (!c->is_discarding)
		assert_int_equal(buf_add(&c->body, bytes, n), 0);
}

static void
on_end(struct http_call *call UNUSED, const struct err *err, void *owner)
{
	struct log_client *c = owner;

	c->call = NULL;
	c->is_broken = err != NULL;
}

void
log_client_init(struct log_client *c, struct log_app *app)
{
	struct err err = ERR_INIT;
	int fds[2];

	*c = (struct log_client){ .app = app };
	buf_init(&c->body, SIZE_MAX / 2);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(
	    http_server_serve(app->server, fds[0], fds[0], &anybody, &err), 0);
	c->http = http_client_new(
	    &(struct http_client_config){
		.loop = &app->loop, .in_fd = fds[1], .out_fd = fds[1] },
	    &err);
	assert_non_null(c->http);
}

void
log_client_fini(struct log_client *c)
{
	if (c->call)
		http_call_cancel(c->call);
	http_client_free(c->http);
	buf_fini(&c->body);
	free(c->length);
	free(c->type);
	free(c->size);
	free(c->range);
	free(c->gaps);
	free(c->state);
}

void
log_client_start(struct log_client *c, const char *query)
{
	static const struct http_call_events events = {
		.on_head = on_head,
		.on_data = on_data,
		.on_end = on_end,
	};
	AUTO_FREE char *target = xasprintf("/v1/exec/x/logs?%s", query);
	struct http_request request = { .method = "GET", .target = target };
	struct err err = ERR_INIT;

	buf_clear(&c->body);
	c->n_total = 0;
	c->status = 0;
	c->call = http_call_start(c->http, &request, &events, c, &err);
	if (c->call == NULL)
		fail_msg("%s", err.msg);
}

static void
on_impatience(uv_timer_t *timer UNUSED)
{
	fail_msg("nothing came for a long time");
}

static void
on_closed(uv_handle_t *handle)
{
	*(bool *)handle->data = true;
}

static void
wait_until(struct log_client *c, size_t n)
{
	uv_timer_t patience;
	bool is_closed = false;

	uv_timer_init(&c->app->loop, &patience);
	patience.data = &is_closed;
	uv_timer_start(&patience, on_impatience, PATIENCE_MS, 0);
	while (c->call && c->n_total < n)
		uv_run(&c->app->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&patience, on_closed);
	while (!is_closed)
		uv_run(&c->app->loop, UV_RUN_NOWAIT);
}

void
log_client_wait(struct log_client *c)
{
	wait_until(c, SIZE_MAX);
}

void
log_client_wait_bytes(struct log_client *c, size_t n)
{
	wait_until(c, n);
}

void
log_client_get(struct log_client *c, const char *query)
{
	log_client_start(c, query);
	log_client_wait(c);
}
