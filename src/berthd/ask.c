/* SPDX-License-Identifier: ISC */

/* One request to the running daemon; see ask.h. */

#include <uv.h>

#include "berthd/ask.h"
#include "core/buf.h"
#include "core/sock.h"
#include "http/client.h"
#include "wire/errors.h"
#include "wire/living.h"
#include "wire/places.h"

#define DEADLINE_MS 10000

struct asking {
	uv_loop_t loop;
	unsigned status;
	struct buf *body;
	struct err *err;
	int rc;
};

static void
on_head(struct http_call *call UNUSED, const struct http_head *head,
	void *owner)
{
	struct asking *asking = owner;

	asking->status = head->status;
}

static void
on_data(struct http_call *call UNUSED, const void *bytes, size_t n, void *owner)
{
	struct asking *asking = owner;

	if (buf_add(asking->body, bytes, n) < 0)
		asking->rc = err_set(asking->err, ERR_LIMIT,
				     "the daemon's answer is too large");
}

static void
on_end(struct http_call *call UNUSED, const struct err *why, void *owner)
{
	struct asking *asking = owner;

	if (why) {
		*asking->err = *why;
		asking->rc = -1;
	} else if (asking->rc == 0 && asking->status / 100 != 2) {
		asking->rc = error_json_read(asking->status,
					     buf_bytes(asking->body),
					     asking->body->len, asking->err);
	}
	/* The idle connection would keep the loop waiting. */
	uv_stop(&asking->loop);
}

static const struct http_call_events events = {
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
};

static int
connect_running(struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	AUTO_LIVING living = { 0 };
	struct err why = ERR_INIT;
	int fd;

	if (places_find(&places, err) < 0)
		return -1;
	fd = sock_connect_unix(places.socket, err);
	if (fd >= 0)
		return fd;
	if (living_read(places.state, &living, &why) == 0)
		return sock_connect_unix(living.socket, err);
	if (err->code != ERR_DENIED) {
		err_set(err, ERR_NOT_FOUND, "berthd is not running");
		err_hint(err, "`berthd serve --detach' starts it; so does "
			      "the first `berth' command");
	}
	return -1;
}

static int
ask_on(struct asking *asking, int fd, const struct http_request *request)
{
	uv_loop_t *loop = &asking->loop;
	struct http_client_config config = { .loop = loop,
					     .in_fd = fd,
					     .out_fd = fd };
	struct http_client *client = http_client_new(&config, asking->err);
	int rc = -1;

	if (client == NULL)
		return -1;
	if (http_call_start(client, request, &events, asking, asking->err)) {
		(void)uv_run(loop, UV_RUN_DEFAULT);
		rc = asking->rc;
	}
	http_client_free(client);
	(void)uv_run(loop, UV_RUN_DEFAULT);
	return rc;
}

int
ask_daemon(const char *method, const char *target, struct buf *ret,
	   struct err *err)
{
	struct asking asking = { .body = ret, .err = err };
	struct http_request request = { .method = method,
					.target = target,
					.timeout_ms = DEADLINE_MS };
	int fd = connect_running(err), rc;

	if (fd < 0)
		return -1;
	(void)uv_loop_init(&asking.loop);
	rc = ask_on(&asking, fd, &request);
	(void)uv_loop_close(&asking.loop);
	return rc;
}
