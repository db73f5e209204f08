/* SPDX-License-Identifier: ISC */

/* The file routes behind a server; see api.h. */

#include "tests/unit/berthd/file/api.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "http/client.h"
#include "http/server.h"
#include "berthd/file/file_api.h"
#include "berthd/file/sync_api.h"

#define MAX_ANSWER (64u << 20)

static void
on_request(struct http_exchange *x, void *owner)
{
	struct api *api = owner;
	const char *path = http_exchange_head(x)->path;

	if (str_eq(path, "/v1/file/read"))
		file_api_read(x, &api->policy);
	else if (str_eq(path, "/v1/file/write"))
		file_api_write(x, &api->policy);
	else if (str_eq(path, "/v1/sync/upload"))
		sync_api_upload(x, &api->policy);
	else
		sync_api_download(x, &api->policy);
}

static void
connect_client(struct api *api)
{
	static const struct http_guard guard;
	struct http_client_config config = { .loop = &api->loop };
	struct err err = ERR_INIT;
	int fds[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(
	    http_server_serve(api->server, fds[0], fds[0], &guard, &err), 0);
	config.in_fd = config.out_fd = fds[1];
	api->client = http_client_new(&config, &err);
	assert_non_null(api->client);
}

int
api_setup(void **state)
{
	struct api *api = xcalloc(1, sizeof(*api));
	struct http_server_config config = { .loop = &api->loop,
					     .on_request = on_request,
					     .owner = api };
	struct err err = ERR_INIT;

	uv_loop_init(&api->loop);
	api->root = xstrdup(unit_temp_dir());
	assert_int_equal(file_policy_init(&api->policy, &api->loop, NULL,
					  api->root, 50 << 20, &err),
			 0);
	strv_free(api->policy.roots);
	api->policy.roots = NULL;
	strv_add(&api->policy.roots, api->root);
	buf_init(&api->body, MAX_ANSWER);
	api->server = http_server_new(&config);
	*state = api;
	return 0;
}

int
api_teardown(void **state)
{
	struct api *api = *state;

	http_client_free(api->client);
	http_server_free(api->server);
	uv_run(&api->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&api->loop), 0);
	file_policy_fini(&api->policy);
	buf_fini(&api->body);
	free(api->root);
	free(api);
	return 0;
}

static void
on_head(struct http_call *call UNUSED, const struct http_head *head,
	void *owner)
{
	((struct api *)owner)->status = head->status;
}

static void
on_data(struct http_call *call UNUSED, const void *bytes, size_t n, void *owner)
{
	assert_int_equal(buf_add(&((struct api *)owner)->body, bytes, n), 0);
}

static void
on_end(struct http_call *call UNUSED, const struct err *err, void *owner)
{
	struct api *api = owner;

	api->is_over = true;
	if (err)
		api->status = 0;
}

static const struct http_call_events events = {
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
};

static struct http_call *
begin(struct api *api, const char *target, const void *body, size_t n,
      bool stream)
{
	struct http_request request = { .method = "POST",
					.target = target,
					.body = body,
					.body_len = n,
					.stream_body = stream };
	struct http_call *call;
	struct err err = ERR_INIT;

	/* A refused upload may cost the connection: each has its own. */
	http_client_free(api->client);
	connect_client(api);
	api->status = 0;
	api->is_over = false;
	buf_clear(&api->body);
	call = http_call_start(api->client, &request, &events, api, &err);
	assert_non_null(call);
	return call;
}

static unsigned
finish(struct api *api)
{
	while (!api->is_over)
		uv_run(&api->loop, UV_RUN_ONCE);
	return api->status;
}

unsigned
api_post(struct api *api, const char *target, const void *body, size_t n)
{
	begin(api, target, body, n, false);
	return finish(api);
}

unsigned
api_post_slowly(struct api *api, const char *target, const void *body, size_t n,
		size_t piece)
{
	const char *bytes = body;
	struct http_call *call = begin(api, target, NULL, 0, true);

	while (n > 0 && !api->is_over) {
		size_t now = MIN(n, piece);

		http_call_write(call, bytes, now);
		bytes += now;
		n -= now;
		for (int i = 0; i < 5 && !api->is_over; i++)
			uv_run(&api->loop, UV_RUN_NOWAIT);
	}
	if (!api->is_over)
		http_call_write_end(call);
	return finish(api);
}

void
api_post_cut(struct api *api, const char *target, const void *body, size_t n)
{
	struct http_call *call = begin(api, target, NULL, 0, true);

	if (n > 0)
		http_call_write(call, body, n);
	for (int i = 0; i < 50 && !api->is_over; i++)
		uv_run(&api->loop, UV_RUN_NOWAIT);
	if (!api->is_over)
		http_call_cancel(call);
	http_client_free(api->client);
	api->client = NULL;
	while (http_server_n_conns(api->server) > 0)
		uv_run(&api->loop, UV_RUN_ONCE);
}

struct json_t *
api_json(const struct api *api)
{
	struct err err = ERR_INIT;
	struct json_t *value = json_parse(buf_bytes(&api->body), api->body.len,
					  &err);

	assert_non_null(value);
	return value;
}

void
api_assert_error(const struct api *api, unsigned status, const char *message)
{
	AUTO_JSON *value = api_json(api);

	assert_string_equal(json_get_text(value, "message", ""), message);
	assert_int_equal(api->status, status);
}

char *
api_path(const struct api *api, const char *name)
{
	return path_join(api->root, name);
}

void
api_put_file(const struct api *api, const char *name, const void *bytes,
	     size_t n)
{
	AUTO_FREE char *path = api_path(api, name);
	struct err err = ERR_INIT;

	assert_int_equal(fs_write_atomic(AT_FDCWD, path, bytes, n, 0, &err), 0);
}
