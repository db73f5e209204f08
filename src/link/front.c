/* SPDX-License-Identifier: ISC */

/*
 * Visitors of the daemon; see front.h.
 *
 * A visitor waits (no pump), is about to be joined (a pump that opens), or is
 * joined.  A stream that ends before anything was said on it is replaced: the
 * visitor waits again.  One that breaks later ends the visitor; if the daemon
 * had not answered yet, with a 503 that says why.
 */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/list.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/sock.h"
#include "http/stream.h"
#include "wire/errors.h"
#include "link/front.h"
#include "link/link.h"

/* Less than a client waits for an answer. */
#define WAIT_MS 15000

/* After a stream that broke at once. */
#define AGAIN_MS 50

#define MAX_VISITORS 1024
#define BACK_OFF_MS 200
#define MAX_BODY 8192

struct front {
	struct uv_loop_s *loop;
	struct link *link;
	struct link_watcher watcher;
	struct list visitors;
	size_t n_visitors;
	uv_poll_t poll;
	uv_timer_t timer; /* waiting visitors, and accepting again */
	int fd;
	int n_handles;
	bool is_accepting;
};

struct visitor {
	struct list link;
	struct front *front;
	struct stream *client; /* NULL: the pump has it */
	struct pump *pump;
	uint64_t until_ms;
};

static void on_timer(uv_timer_t *timer);
static void on_connection(uv_poll_t *poll, int status, int events);

static void
look_in(struct front *front, uint64_t ms)
{
	if (!uv_is_active((uv_handle_t *)&front->timer) ||
	    uv_timer_get_due_in(&front->timer) > ms)
		uv_timer_start(&front->timer, on_timer, ms, 0);
}

static void
set_accepting(struct front *front, bool on)
{
	front->is_accepting = on;
	if (on)
		uv_poll_start(&front->poll, UV_READABLE, on_connection);
	else
		uv_poll_stop(&front->poll);
}

static void
visitor_free(struct visitor *visitor)
{
	struct front *front = visitor->front;

	list_unlink(&visitor->link);
	stream_close(visitor->client);
	pump_free(visitor->pump);
	free(visitor);
	front->n_visitors--;
	link_release(front->link);
	if (!front->is_accepting)
		look_in(front, 0);
}

/* As the daemon would say it, and good-bye. */
static void
say_no(struct stream *client, const struct err *err)
{
	AUTO_BUF body = BUF_INIT(MAX_BODY), text = BUF_INIT(2 * MAX_BODY);

	(void)error_json_add(&body, err);
	(void)buf_addf(&text,
		       "HTTP/1.1 503 Service Unavailable\r\n"
		       "Content-Type: application/json; charset=utf-8\r\n"
		       "Content-Length: %zu\r\nConnection: close\r\n\r\n",
		       body.len + 1);
	(void)buf_add(&text, buf_bytes(&body), body.len);
	(void)buf_addc(&text, '\n');
	(void)stream_write(client, buf_bytes(&text), text.len);
	stream_close_after_write(client);
}

static void
refuse(struct visitor *visitor, const struct err *err)
{
	log_debug("link", "no stream", KV_ERR(err));
	say_no(TAKE(visitor->client), err);
	visitor_free(visitor);
}

static void
join(struct visitor *visitor)
{
	pump_join(visitor->pump, TAKE(visitor->client));
}

static void
on_pump_open(struct pump *pump UNUSED, void *owner)
{
	join(owner);
}

static void
on_pump_data(struct pump *pump UNUSED, const void *bytes UNUSED,
	     size_t n UNUSED, void *owner UNUSED)
{
}

static void
on_pump_end(struct pump *pump, const struct err *err, void *owner)
{
	struct visitor *visitor = owner;
	struct front *front = visitor->front;
	bool was_answered = pump_is_answered(pump);
	bool is_fresh = pump_is_untouched(pump);
	bool was_open = pump_is_open(pump);
	struct err gone = ERR_INIT;

	if (visitor->client == NULL)
		visitor->client = pump_take_client(pump);
	pump_free(TAKE(visitor->pump));
	if (err && !was_open)
		link_refused(front->link, err);
	if (visitor->client == NULL || was_answered) {
		visitor_free(visitor);
	} else if (is_fresh) {
		look_in(front, AGAIN_MS);
	} else {
		if (err == NULL)
			err_set(&gone, ERR_UNREACHABLE,
				"the daemon there hung up");
		refuse(visitor, err ? err : &gone);
	}
}

static const struct pump_events pump_events = {
	.on_open = on_pump_open,
	.on_data = on_pump_data,
	.on_end = on_pump_end,
};

/* The visitor may be gone afterwards. */
static void
serve(struct visitor *visitor)
{
	struct link *link = visitor->front->link;
	struct err err = ERR_INIT;

	if (link_state(link) == LINK_DISCONNECTED) {
		link_why(link, &err);
		refuse(visitor, &err);
		return;
	}
	if (link_state(link) != LINK_ACTIVE) {
		uint64_t now = clock_mono_ms();

		look_in(visitor->front,
			visitor->until_ms > now ? visitor->until_ms - now : 0);
		return;
	}
	visitor->pump = link_take(link, &pump_events, visitor, &err);
	if (visitor->pump == NULL)
		refuse(visitor, &err);
	else if (pump_is_open(visitor->pump))
		join(visitor);
}

static void
serve_waiting(struct front *front)
{
	uint64_t now = clock_mono_ms();
	struct err err = ERR_INIT;
	struct visitor *visitor;

	list_for_each (visitor, &front->visitors, link) {
		if (visitor->pump)
			continue;
		if (now >= visitor->until_ms) {
			link_why(front->link, &err);
			refuse(visitor, &err);
		} else {
			serve(visitor);
		}
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct front *front = container_of(timer, struct front, timer);

	serve_waiting(front);
	if (!front->is_accepting && front->n_visitors < MAX_VISITORS)
		set_accepting(front, true);
}

static void
on_active(void *owner)
{
	serve_waiting(owner);
}

static void
on_failed(const struct err *why UNUSED, const char *stage UNUSED, void *owner)
{
	serve_waiting(owner);
}

void
front_serve(struct front *front, struct stream *client)
{
	struct visitor *visitor = xcalloc(1, sizeof(*visitor));

	visitor->front = front;
	visitor->client = client;
	visitor->until_ms = clock_mono_ms() + WAIT_MS;
	list_append(&front->visitors, &visitor->link);
	front->n_visitors++;
	link_use(front->link);
	serve(visitor);
}

/* False: no more for now. */
static bool
accept_one(struct front *front)
{
	int fd = accept4(front->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct err err = ERR_INIT;
	struct stream *client;
	uid_t uid;
	pid_t pid;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			set_accepting(front, false);
			look_in(front, BACK_OFF_MS);
		}
		return errno == ECONNABORTED || errno == EINTR;
	}
	client = sock_peer(fd, &uid, &pid) && uid == geteuid()
		     ? stream_new(front->loop, fd, fd, NULL, NULL, &err)
		     : NULL;
	if (client == NULL) {
		close(fd);
		return true;
	}
	front_serve(front, client);
	if (front->n_visitors >= MAX_VISITORS)
		set_accepting(front, false);
	return front->is_accepting;
}

static void
on_connection(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
	struct front *front = container_of(poll, struct front, poll);

	for (int i = 0; i < 64 && accept_one(front); i++)
		;
}

struct front *
front_new(struct uv_loop_s *loop, struct link *link, int fd, struct err *err)
{
	struct front *front = xcalloc(1, sizeof(*front));
	int rc = uv_poll_init(loop, &front->poll, fd);

	if (rc < 0) {
		free(front);
		errno = -rc;
		err_sys(err, "watch the socket of the link");
		return NULL;
	}
	front->loop = loop;
	front->link = link;
	front->fd = fd;
	list_init(&front->visitors);
	uv_timer_init(loop, &front->timer);
	front->watcher = (struct link_watcher){ .on_active = on_active,
						.on_failed = on_failed,
						.owner = front };
	list_init(&front->watcher.link);
	link_watch(link, &front->watcher);
	set_accepting(front, true);
	return front;
}

static void
on_closed(uv_handle_t *handle)
{
	struct front *front = handle->data;

	if (--front->n_handles == 0)
		free(front);
}

void
front_free(struct front *front)
{
	struct visitor *visitor;

	if (front == NULL)
		return;
	list_for_each (visitor, &front->visitors, link)
		visitor_free(visitor);
	link_unwatch(&front->watcher);
	front->n_handles = 2;
	front->poll.data = front->timer.data = front;
	uv_close((uv_handle_t *)&front->poll, on_closed);
	uv_close((uv_handle_t *)&front->timer, on_closed);
	close(front->fd);
}

size_t
front_n_visitors(const struct front *front)
{
	return front->n_visitors;
}
