/* SPDX-License-Identifier: ISC */

/*
 * Listeners of the HTTP server; see server.h.
 *
 * Accepting stops while there are as many connections as allowed, and while
 * the process is short of descriptors.  It goes on when a connection closes;
 * in the second case also after a while that doubles up to a second, since
 * others may give descriptors back.  Otherwise the timer does not run.
 *
 * A server that was freed lives on until its connections have told their
 * handlers so; n_refs counts them and the handles.
 */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/mem.h"
#include "http/conn.h"
#include "http/stream.h"

#include "http/server.h"

#define MAX_CONNS 4096
#define HEAD_TIMEOUT_MS 10000
#define BODY_TIMEOUT_MS 30000
#define IDLE_TIMEOUT_MS 300000
#define ACCEPTS_PER_TURN 64
#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 1000

struct listener {
	struct http_server *server;
	const struct http_guard *guard;
	struct list link;
	uv_poll_t poll;
	int fd;
	bool is_tcp;
};

static void on_connection(uv_poll_t *, int status, int events);

static void
set_accepting(struct http_server *server, bool on)
{
	struct listener *l;

	if (server->is_accepting == on)
		return;
	server->is_accepting = on;
	list_for_each (l, &server->listeners, link) {
		if (on)
			uv_poll_start(&l->poll, UV_READABLE, on_connection);
		else
			uv_poll_stop(&l->poll);
	}
}

static void
accept_again(struct http_server *server)
{
	if (server->is_draining || server->n_conns >= server->config.max_conns)
		return;
	uv_timer_stop(&server->retry);
	set_accepting(server, true);
}

static void
on_retry(uv_timer_t *retry)
{
	accept_again(container_of(retry, struct http_server, retry));
}

/* Descriptors or memory are short: have the kernel's queue hold them. */
static void
back_off(struct http_server *server)
{
	log_debug("http", "accept backs off", KV_INT("errno", errno));
	set_accepting(server, false);
	server->retry_ms = MIN(
	    MAX(server->retry_ms * 2, (uint64_t)RETRY_MIN_MS),
	    (uint64_t)RETRY_MAX_MS);
	uv_timer_start(&server->retry, on_retry, server->retry_ms, 0);
}

/* Small answers leave at once, dead peers are found out. */
static void
set_tcp_options(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static bool
is_tcp(int fd)
{
	int domain = 0;
	socklen_t n = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
	       (domain == AF_INET || domain == AF_INET6);
}

/* False: no more for now. */
static bool
accept_one(struct listener *l)
{
	struct err err = ERR_INIT;
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			back_off(l->server);
		/* Others: the peer of this one connection has gone again. */
		return errno != EAGAIN && l->server->is_accepting;
	}
	l->server->retry_ms = 0;
	if (l->is_tcp)
		set_tcp_options(fd);
	if (conn_new(l->server, fd, fd, l->is_tcp, l->guard, &err) < 0) {
		log_debug("http", "connection refused", KV_ERR(&err));
		close(fd);
	}
	if (l->server->n_conns >= l->server->config.max_conns)
		set_accepting(l->server, false);
	return l->server->is_accepting;
}

static void
on_connection(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
	struct listener *l = container_of(poll, struct listener, poll);

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		if (!accept_one(l))
			return;
	}
}

static void
server_maybe_free(struct http_server *server)
{
	if (server->n_refs > 0 || !server->is_freed)
		return;
	buf_fini(&server->scratch);
	free(server);
}

void
server_unref(struct http_server *server)
{
	server->n_refs--;
	server_maybe_free(server);
}

void
server_on_conn_closed(struct http_server *server)
{
	server->n_conns--;
	accept_again(server);
}

static void
on_retry_closed(uv_handle_t *retry)
{
	server_unref(
	    container_of((uv_timer_t *)retry, struct http_server, retry));
}

static void
on_listener_closed(uv_handle_t *poll)
{
	struct listener *l = container_of((uv_poll_t *)poll, struct listener,
					  poll);
	struct http_server *server = l->server;

	free(l);
	server_unref(server);
}

static void
listener_close(struct listener *l)
{
	list_unlink(&l->link);
	uv_close((uv_handle_t *)&l->poll, on_listener_closed);
	close(l->fd);
}

struct http_server *
http_server_new(const struct http_server_config *config)
{
	struct http_server *server = xcalloc(1, sizeof(*server));
	struct http_server_config *c = &server->config;

	*c = *config;
	c->max_conns = c->max_conns ? c->max_conns : MAX_CONNS;
	c->head_timeout_ms = c->head_timeout_ms ? c->head_timeout_ms
						: HEAD_TIMEOUT_MS;
	c->body_timeout_ms = c->body_timeout_ms ? c->body_timeout_ms
						: BODY_TIMEOUT_MS;
	c->idle_timeout_ms = c->idle_timeout_ms ? c->idle_timeout_ms
						: IDLE_TIMEOUT_MS;
	list_init(&server->listeners);
	list_init(&server->conns);
	buf_init(&server->scratch, SIZE_MAX - 1);
	uv_timer_init(c->loop, &server->retry);
	server->n_refs = 1;
	server->is_accepting = true;
	return server;
}

void
http_server_drain(struct http_server *server)
{
	struct listener *l;
	struct conn *conn;

	if (server->is_draining)
		return;
	server->is_draining = true;
	uv_timer_stop(&server->retry);
	list_for_each (l, &server->listeners, link)
		listener_close(l);
	list_for_each (conn, &server->conns, link) {
		if (conn->x == NULL)
			conn->is_broken = true;
		conn_later(conn);
	}
}

size_t
http_server_take_idle(struct http_server *server, int *fds, size_t max)
{
	struct list *at = server->conns.next;
	size_t n = 0;

	while (at != &server->conns && n < max) {
		struct conn *conn = list_entry(at, struct conn, link);
		int out;

		at = at->next;
		if (conn_is_idle(conn))
			stream_detach(conn_hand_over(conn), &fds[n++], &out);
	}
	return n;
}

void
http_server_free(struct http_server *server)
{
	struct conn *conn;

	if (server == NULL)
		return;
	http_server_drain(server);
	list_for_each (conn, &server->conns, link) {
		conn->is_broken = true;
		conn_later(conn);
	}
	server->is_freed = true;
	uv_close((uv_handle_t *)&server->retry, on_retry_closed);
}

int
http_server_listen(struct http_server *server, int fd,
		   const struct http_guard *guard, struct err *err)
{
	struct listener *l = xcalloc(1, sizeof(*l));
	int rc;

	l->server = server;
	l->guard = guard;
	l->fd = fd;
	l->is_tcp = is_tcp(fd);
	rc = uv_poll_init(server->config.loop, &l->poll, fd);
	if (rc < 0) {
		free(l);
		errno = -rc;
		return err_sys(err, "watch the listening descriptor %d", fd);
	}
	server->n_refs++;
	list_append(&server->listeners, &l->link);
	if (server->is_accepting)
		uv_poll_start(&l->poll, UV_READABLE, on_connection);
	return 0;
}

int
http_server_serve(struct http_server *server, int in_fd, int out_fd,
		  const struct http_guard *guard, struct err *err)
{
	bool tcp = is_tcp(in_fd);

	if (tcp)
		set_tcp_options(in_fd);
	return conn_new(server, in_fd, out_fd, tcp, guard, err);
}

size_t
http_server_n_conns(const struct http_server *server)
{
	return server->n_conns;
}
