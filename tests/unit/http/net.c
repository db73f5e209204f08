/* SPDX-License-Identifier: ISC */

/* A loop and a peer for the tests of src/http; see net.h. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "tests/unit/unit.h"

#include "tests/unit/http/net.h"

#define PIECE 65536
#define IDLE_TURNS 20

static void
open_pair(struct net *net, int type)
{
	int pair[2];

	assert_return_code(
	    socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
	    errno);
	net->ours = pair[0];
	net->peer = pair[1];
}

void
net_init(struct net *net, int type)
{
	*net = (struct net){ .out = BUF_INIT(SIZE_MAX - 1),
			     .got = BUF_INIT(SIZE_MAX - 1) };
	assert_int_equal(uv_loop_init(&net->loop), 0);
	open_pair(net, type);
}

static void
close_both(struct net *net)
{
	net_close(net);
	if (net->ours >= 0)
		close(net->ours);
	net->ours = -1;
	buf_fini(&net->out);
	buf_fini(&net->got);
}

void
net_fini(struct net *net)
{
	close_both(net);
	net_until(net, !uv_loop_alive(&net->loop));
	assert_int_equal(uv_loop_close(&net->loop), 0);
}

void
net_again(struct net *net, int type)
{
	close_both(net);
	net->is_ended = net->is_reset = net->is_deaf = false;
	open_pair(net, type);
}

void
net_send(struct net *net, const void *bytes, size_t n)
{
	assert_int_equal(buf_add(&net->out, bytes, n), 0);
}

void
net_say(struct net *net, const char *text)
{
	net_send(net, text, strlen(text));
}

static void
push(struct net *net)
{
	ssize_t put;

	if (net->peer < 0 || net->out.len == 0)
		return;
	put = send(net->peer, buf_bytes(&net->out), net->out.len, MSG_NOSIGNAL);
	if (put > 0)
		buf_consume(&net->out, (size_t)put);
	else if (errno != EAGAIN)
		buf_clear(&net->out);
}

static void
pull(struct net *net)
{
	AUTO_FREE char *room = NULL;
	ssize_t n;

	if (net->peer < 0 || net->is_deaf || net->is_ended)
		return;
	room = xmalloc(PIECE);
	n = recv(net->peer, room, PIECE, 0);
	if (n > 0) {
		buf_add(&net->got, room, (size_t)n);
	} else if (n == 0 || errno != EAGAIN) {
		net->is_ended = true;
		net->is_reset = n < 0;
	}
}

void
net_shut(struct net *net)
{
	while (net->out.len > 0)
		net_turn(net);
	(void)shutdown(net->peer, SHUT_WR);
}

void
net_close(struct net *net)
{
	if (net->peer >= 0)
		close(net->peer);
	net->peer = -1;
}

void
net_turn(struct net *net)
{
	struct pollfd fds[] = {
		{ .fd = uv_backend_fd(&net->loop), .events = POLLIN },
		{ .fd = net->is_deaf || net->is_ended ? -1 : net->peer,
		  .events = POLLIN },
	};
	int timeout = uv_backend_timeout(&net->loop);

	/* Wait a moment if nobody has anything to do. */
	if (net->out.len == 0 && timeout != 0)
		(void)poll(fds, ARRAY_SIZE(fds), 1);
	push(net);
	(void)uv_run(&net->loop, UV_RUN_NOWAIT);
	pull(net);
}

void
net_idle(struct net *net)
{
	for (int i = 0; i < IDLE_TURNS; i++)
		net_turn(net);
}

bool
net_is_quiet(const struct net *net)
{
	struct pollfd ready = { .fd = uv_backend_fd(&net->loop),
				.events = POLLIN };

	int timeout = uv_backend_timeout(&net->loop);

	if (uv_loop_alive(&net->loop) && timeout >= 0 && timeout < 1000)
		return false;
	return poll(&ready, 1, 0) == 0;
}

bool
net_has(const struct net *net, const char *text)
{
	return memmem(buf_bytes(&net->got), net->got.len, text, strlen(text));
}
