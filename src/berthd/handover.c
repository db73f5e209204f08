/* SPDX-License-Identifier: ISC */

/* Passing the sockets on; see handover.h. */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "berthd/handover.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/sock.h"
#include "core/text.h"

#define DEADLINE_MS 10000

/* The byte that the descriptors come with. */
#define WITHOUT_TCP "H"
#define WITH_TCP "T"

/* Between two requests while a start is in flight there. */
#define AGAIN_MS 10

static const char request[] = "POST /v1/daemon/handover HTTP/1.1\r\n"
			      "Host: localhost\r\n"
			      "Connection: Upgrade\r\n"
			      "Upgrade: berth-handover\r\n"
			      "Content-Length: 0\r\n"
			      "\r\n";

int
handover_send(int fd, const struct handover *handover)
{
	bool has_tcp = handover->tcp_fd >= 0;
	int fds[3 + HANDOVER_MAX_CONNS] = { handover->lock_fd,
					    handover->unix_fd,
					    handover->tcp_fd };
	size_t n = has_tcp ? 3 : 2;

	memcpy(fds + n, handover->conns,
	       handover->n_conns * sizeof(handover->conns[0]));
	return sock_send_fds(fd, has_tcp ? WITH_TCP : WITHOUT_TCP, 1, fds,
			     n + handover->n_conns);
}

static int
wait_readable(int fd, uint64_t deadline, struct err *err)
{
	struct pollfd watch = { .fd = fd, .events = POLLIN };
	uint64_t now = clock_mono_ms();

	if (now >= deadline || poll(&watch, 1, (int)(deadline - now)) <= 0)
		return err_set(err, ERR_TIMEOUT,
			       "the running daemon does not hand over");
	return 0;
}

/*
 * The head of the answer, byte by byte: what follows it carries descriptors,
 * and must be left for recvmsg.
 */
static int
read_head(int fd, char *head, size_t size, uint64_t deadline, struct err *err)
{
	size_t n = 0;

	while (n < size - 1) {
		ssize_t got;

		if (wait_readable(fd, deadline, err) < 0)
			return -1;
		got = read(fd, head + n, 1);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			break;
		head[++n] = '\0';
		if (str_ends(head, "\r\n\r\n"))
			return 0;
	}
	return err_set(err, ERR_PROTO, "the running daemon hung up");
}

static int
receive(int fd, struct handover *ret, uint64_t deadline, struct err *err)
{
	int fds[3 + HANDOVER_MAX_CONNS];
	size_t n_fds = ARRAY_SIZE(fds), n;
	char byte;

	if (wait_readable(fd, deadline, err) < 0)
		return -1;
	if (sock_recv_fds(fd, &byte, 1, fds, &n_fds) != 1 ||
	    n_fds < (n = byte == WITH_TCP[0] ? 3 : 2))
		return err_set(err, ERR_PROTO,
			       "the running daemon passed no sockets");
	*ret = (struct handover){ .lock_fd = fds[0],
				  .unix_fd = fds[1],
				  .tcp_fd = n == 3 ? fds[2] : -1,
				  .n_conns = n_fds - n };
	memcpy(ret->conns, fds + n, ret->n_conns * sizeof(ret->conns[0]));
	return 0;
}

/* 1: got it; 0: ask again. */
static int
try_once(const char *socket_path, struct handover *ret, uint64_t deadline,
	 struct err *err)
{
	AUTO_CLOSE int fd = sock_connect_unix(socket_path, err);
	char head[1024] = "";

	if (fd < 0)
		return -1;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return err_sys(err, "ask for the handover");
	if (read_head(fd, head, sizeof(head), deadline, err) < 0)
		return -1;
	if (str_starts(head, "HTTP/1.1 503"))
		return 0;
	if (!str_starts(head, "HTTP/1.1 101"))
		return err_set(err, ERR_UNSUPPORTED,
			       "the running daemon cannot hand over: %.40s",
			       head);
	return receive(fd, ret, deadline, err) < 0 ? -1 : 1;
}

int
handover_request(const char *socket_path, struct handover *ret, struct err *err)
{
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;

	for (;;) {
		int rc = try_once(socket_path, ret, deadline, err);

		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (clock_mono_ms() >= deadline)
			return err_set(err, ERR_TIMEOUT,
				       "starts are in flight without end");
		(void)poll(NULL, 0, AGAIN_MS);
	}
}
