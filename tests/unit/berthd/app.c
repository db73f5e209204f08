/* SPDX-License-Identifier: ISC */

/* A daemon without its process; see app.h. */

#include "tests/unit/berthd/app.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "berthd/api.h"
#include "berthd/exec/exec.h"
#include "berthd/exec/exec_api.h"
#include "berthd/exec/store.h"
#include "core/mem.h"
#include "core/text.h"
#include "wire/errors.h"

#define MAX_ANSWER (16u << 20)

void
app_open_store(struct app *app)
{
	struct exec_store_config config = {
		.loop = &app->rig.loop,
		.root = app->rig.root,
		.runner = &app->rig.runner.runner,
		.config = &app->config,
		.on_remove = exec_api_forget,
		.owner = &app->daemon,
	};
	struct err err = ERR_INIT;

	app->daemon.store = exec_store_new(&config, &err);
	if (app->daemon.store == NULL)
		fail_msg("%s", err.msg);
}

void
app_close_store(struct app *app)
{
	exec_store_free(app->daemon.store);
	app->daemon.store = NULL;
}

int
app_setup(void **state)
{
	struct app *app = xcalloc(1, sizeof(*app));
	struct http_server_config server = { .loop = &app->rig.loop,
					     .on_request = api_on_request,
					     .owner = &app->daemon,
					     .add_error = error_json_add };

	rig_init(&app->rig);
	config_init(&app->config, CONFIG_BERTHD);
	app->daemon.loop = &app->rig.loop;
	app->daemon.config = &app->config;
	app->daemon.unix_guard = (struct http_guard){ .tag = LISTENER_UNIX,
						      .refuse_origin = true };
	app->daemon.tcp_guard = (struct http_guard){ .tag = LISTENER_TCP,
						     .refuse_origin = true };
	app->daemon.server = http_server_new(&server);
	app_open_store(app);
	*state = app;
	return 0;
}

int
app_teardown(void **state)
{
	struct app *app = *state;

	http_server_free(app->daemon.server);
	uv_run(&app->rig.loop, UV_RUN_NOWAIT);
	app_close_store(app);
	config_fini(&app->config);
	rig_fini(&app->rig);
	free(app);
	return 0;
}

void
caller_init(struct caller *c, struct app *app, enum listener listener)
{
	const struct http_guard *guard = listener == LISTENER_TCP
					     ? &app->daemon.tcp_guard
					     : &app->daemon.unix_guard;
	struct http_client_config config = { .loop = &app->rig.loop };
	struct err err = ERR_INIT;
	int ends[2];

	memset(c, 0, sizeof(*c));
	c->app = app;
	buf_init(&c->body, MAX_ANSWER);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(http_server_serve(app->daemon.server, ends[0], ends[0],
					   guard, &err),
			 0);
	config.in_fd = config.out_fd = ends[1];
	c->http = http_client_new(&config, &err);
	assert_non_null(c->http);
}

void
caller_fini(struct caller *c)
{
	http_client_free(c->http);
	buf_fini(&c->body);
	free(c->type);
}

static void
on_head(struct http_call *call UNUSED, const struct http_head *head,
	void *owner)
{
	struct caller *c = owner;
	const char *type = http_head_find(head, "Content-Type");

	c->status = head->status;
	free(c->type);
	c->type = type ? xstrdup(type) : NULL;
}

static void
on_data(struct http_call *call UNUSED, const void *bytes, size_t n, void *owner)
{
	struct caller *c = owner;

	assert_int_equal(buf_add(&c->body, bytes, n), 0);
}

static void
on_end(struct http_call *call UNUSED, const struct err *why, void *owner)
{
	struct caller *c = owner;

	c->call = NULL;
	if (why)
		c->status = 0;
}

static const struct http_call_events events = {
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
};

static void
begin(struct caller *c, const struct http_request *request)
{
	struct err err = ERR_INIT;

	buf_clear(&c->body);
	c->status = 0;
	c->call = http_call_start(c->http, request, &events, c, &err);
	if (c->call == NULL)
		fail_msg("%s", err.msg);
}

void
caller_begin(struct caller *c, const char *method, const char *target,
	     const char *body)
{
	const char *space = strchr(method, ' ');
	AUTO_FREE char *verb = xstrndup(method, strcspn(method, " "));
	struct http_header header = { .name = "Authorization",
				      .value = space ? space + 1 : "" };
	struct http_request request = {
		.method = verb,
		.target = target,
		.headers = &header,
		.n_headers = space ? 1 : 0,
		.type = "application/json",
		.body = body,
		.body_len = body ? strlen(body) : 0,
	};

	begin(c, &request);
}

void
caller_begin_body(struct caller *c, const char *target)
{
	struct http_request request = { .method = "POST",
					.target = target,
					.stream_body = true };

	begin(c, &request);
}

void
caller_finish(struct caller *c)
{
	rig_until(&c->app->rig, c->call == NULL);
}

unsigned
app_call(struct app *app, const char *method, const char *target,
	 const char *body, struct buf *ret)
{
	struct caller c;
	unsigned status;

	caller_init(&c, app, LISTENER_UNIX);
	caller_begin(&c, method, target, body);
	caller_finish(&c);
	status = c.status;
	if (ret) {
		buf_clear(ret);
		assert_int_equal(buf_add(ret, buf_bytes(&c.body), c.body.len),
				 0);
	}
	caller_fini(&c);
	return status;
}

static struct json_t *
call_json(struct app *app, const char *method, const char *target,
	  const char *body, unsigned *ret_status)
{
	AUTO_BUF text = BUF_INIT(MAX_ANSWER);
	struct err err = ERR_INIT;
	struct json_t *value;

	*ret_status = app_call(app, method, target, body, &text);
	value = json_parse(buf_bytes(&text), text.len, &err);
	if (value == NULL)
		fail_msg("%s: %s: %s", target, err.msg, buf_text(&text));
	return value;
}

struct json_t *
app_json(struct app *app, const char *method, const char *target,
	 const char *body)
{
	unsigned status;
	struct json_t *value = call_json(app, method, target, body, &status);

	if (status != 200)
		fail_msg("%s: %u %s", target, status,
			 json_get_text(value, "message", "?"));
	return value;
}

void
app_assert_error(struct app *app, const char *method, const char *target,
		 const char *body, unsigned status, const char *part)
{
	unsigned got;
	AUTO_JSON *value = call_json(app, method, target, body, &got);
	const char *message = json_get_text(value, "message", "");

	if (got != status || strstr(message, part) == NULL)
		fail_msg("%s %s: %u %s\nwanted %u ...%s...", method, target,
			 got, message, status, part);
	assert_string_equal(
	    json_get_text(json_get(value, "error"), "message", ""), message);
}

const char *
app_start(struct app *app, const char *body)
{
	AUTO_JSON *value = app_json(app, "POST", "/v1/exec", body);
	const char *id = json_get_text(value, "exec_id", "");
	struct err err = ERR_INIT;
	struct exec *exec = exec_store_find(app->daemon.store, id, &err);

	assert_non_null(exec);
	return exec->id;
}

void
app_await(struct app *app, const char *id)
{
	AUTO_FREE char *target = xasprintf("/v1/exec/%s?wait=10", id);
	AUTO_JSON *value = app_json(app, "GET", target, NULL);

	assert_string_equal(json_get_text(value, "status", ""), "finished");
}
