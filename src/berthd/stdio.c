/* SPDX-License-Identifier: ISC */

/*
 * Relaying a connection; see stdio.h.
 *
 * Blocking reads and writes under poll: a side that does not read holds up its
 * own direction only, since each direction reads only when it has nothing to
 * write.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "berthd/serve.h"
#include "berthd/stdio.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/sock.h"
#include "wire/living.h"
#include "wire/places.h"

#define ROOM (64u << 10)

struct direction {
	int from, to;
	uint8_t *room;
	size_t start, len;
	bool ended; /* nothing more comes from `from' */
	bool done;  /* and all of it is out, or nobody takes it */
	bool to_is_socket;
};

static int
connect_daemon(struct err *err)
{
	AUTO_PLACES places = PLACES_INIT;
	AUTO_LIVING living = { 0 };
	int fd;

	if (serve_ensure(err) < 0 || places_find(&places, err) < 0)
		return -1;
	fd = sock_connect_unix(places.socket, err);
	if (fd < 0 && living_read(places.state, &living, err) == 0)
		fd = sock_connect_unix(living.socket, err);
	return fd;
}

static void
finish(struct direction *d)
{
	d->done = true;
	if (d->to_is_socket)
		(void)shutdown(d->to, SHUT_WR);
	else
		close(d->to);
}

static bool
would_block(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void
move(struct direction *d, short from_events, short to_events)
{
	ssize_t n;

	if (d->len == 0 && from_events) {
		n = read(d->from, d->room, ROOM);
		if (!would_block(n)) {
			d->start = 0;
			d->len = n > 0 ? (size_t)n : 0;
			d->ended = n <= 0;
			to_events = POLLOUT;
		}
	}
	if (d->len > 0 && to_events) {
		n = write(d->to, d->room + d->start, d->len);
		if (n < 0 && !would_block(n)) {
			d->len = 0;
			d->ended = true;
		} else if (n > 0) {
			d->start += (size_t)n;
			d->len -= (size_t)n;
		}
	}
	if (d->ended && d->len == 0)
		finish(d);
}

static void
relay(struct direction ways[2])
{
	while (!ways[0].done || !ways[1].done) {
		struct pollfd fds[4];

		for (int i = 0; i < 2; i++) {
			const struct direction *d = &ways[i];
			bool reads = !d->done && d->len == 0;
			bool writes = !d->done && d->len > 0;

			fds[2 * i] = (struct pollfd){ .fd = reads ? d->from
								  : -1,
						      .events = POLLIN };
			fds[2 * i + 1] = (struct pollfd){ .fd = writes ? d->to
								       : -1,
							  .events = POLLOUT };
		}
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++) {
			if (!ways[i].done)
				move(&ways[i], fds[2 * i].revents,
				     fds[2 * i + 1].revents);
		}
		/* The daemon has hung up: what still comes is for nobody. */
		if (ways[1].done)
			return;
	}
}

int
stdio_run(struct err *err)
{
	int fd = connect_daemon(err);
	struct direction ways[2] = {
		{ .from = STDIN_FILENO, .to = fd, .to_is_socket = true },
		{ .from = fd, .to = STDOUT_FILENO },
	};

	if (fd < 0)
		return -1;
	(void)signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++)
		ways[i].room = xmalloc(ROOM);
	fd_set_nonblock(fd);
	relay(ways);
	for (int i = 0; i < 2; i++)
		free(ways[i].room);
	close(fd);
	return 0;
}
