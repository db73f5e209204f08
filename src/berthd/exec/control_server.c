/* SPDX-License-Identifier: ISC */

/* The holder's end of the control channel; see control_server.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "berthd/exec/control_server.h"
#include "core/fs.h"
#include "core/sock.h"

/* Listen on `ctl' in the directory, by a path that is always short enough. */
static int
listen_in(int dir_fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	mode_t before;
	int rc;

	if (fd < 0)
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s",
		 dir_fd, CONTROL_SOCKET);
	/* Never open to others, not even between two calls. */
	before = umask(0177);
	rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	(void)umask(before);
	if (rc < 0 || listen(fd, CONTROL_MAX_CONNS) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void
control_server_open(struct control_server *server, int channel, int dir_fd,
		    const struct control_events *events, void *owner)
{
	*server = (struct control_server){ .events = events,
					   .owner = owner,
					   .listen_fd = listen_in(dir_fd) };
	for (int i = 0; i < CONTROL_MAX_CONNS; i++)
		server->conns[i] = -1;
	fd_set_nonblock(channel);
	server->conns[0] = channel;
}

static void
hang_up(struct control_server *server, int conn)
{
	close(server->conns[conn]);
	server->conns[conn] = -1;
}

int
control_server_take_channel(struct control_server *server)
{
	int channel = server->conns[0];

	if (server->listen_fd < 0)
		return -1;
	for (int i = 1; i < CONTROL_MAX_CONNS; i++) {
		if (server->conns[i] >= 0)
			return -1;
	}
	server->conns[0] = -1;
	return channel;
}

void
control_server_close(struct control_server *server, int dir_fd)
{
	/* The name first: who hears the hanging up finds nobody there. */
	(void)unlinkat(dir_fd, CONTROL_SOCKET, 0);
	fd_close(&server->listen_fd);
	for (int i = 0; i < CONTROL_MAX_CONNS; i++) {
		if (server->conns[i] >= 0)
			hang_up(server, i);
	}
}

void
control_server_prepare(const struct control_server *server, struct pollfd *fds)
{
	for (int i = 0; i < CONTROL_MAX_CONNS; i++)
		fds[i] = (struct pollfd){ .fd = server->conns[i],
					  .events = POLLIN };
	fds[CONTROL_MAX_CONNS] = (struct pollfd){ .fd = server->listen_fd,
						  .events = POLLIN };
}

static void
receive(struct control_server *server, int conn)
{
	struct {
		struct control_msg msg;
		uint8_t data[CONTROL_MAX_DATA];
	} packet;
	ssize_t got;

	got = recv(server->conns[conn], &packet, sizeof(packet), 0);
	/* Reset: the daemon left something unread.  What it said comes next. */
	if (got < 0 &&
	    (errno == EAGAIN || errno == EINTR || errno == ECONNRESET))
		return;
	if (got < (ssize_t)sizeof(packet.msg)) {
		hang_up(server, conn);
		return;
	}
	server->events->on_message(server, conn, &packet.msg, packet.data,
				   (size_t)got - sizeof(packet.msg),
				   server->owner);
}

static void
accept_one(struct control_server *server)
{
	int fd = accept4(server->listen_fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid;
	pid_t pid;

	if (fd < 0)
		return;
	for (int i = 1; i < CONTROL_MAX_CONNS; i++) {
		if (server->conns[i] >= 0)
			continue;
		if (!sock_peer(fd, &uid, &pid) ||
		    (uid != geteuid() && uid != 0))
			break;
		server->conns[i] = fd;
		server->events->on_connect(server, i, server->owner);
		return;
	}
	close(fd);
}

void
control_server_handle(struct control_server *server, const struct pollfd *fds)
{
	for (int i = 0; i < CONTROL_MAX_CONNS; i++) {
		/* A slot may have been freed and reused meanwhile. */
		if (fds[i].revents && fds[i].fd == server->conns[i])
			receive(server, i);
	}
	if (fds[CONTROL_MAX_CONNS].revents)
		accept_one(server);
}

void
control_server_send(struct control_server *server, int conn,
		    const struct control_msg *msg, const void *data, size_t n)
{
	struct control_msg head = *msg;
	struct iovec parts[2] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = n },
	};
	struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };

	if (server->conns[conn] < 0)
		return;
	if (sendmsg(server->conns[conn], &packet, MSG_NOSIGNAL) < 0)
		hang_up(server, conn);
}

void
control_server_send_all(struct control_server *server,
			const struct control_msg *msg, const void *data,
			size_t n)
{
	for (int i = 0; i < CONTROL_MAX_CONNS; i++)
		control_server_send(server, i, msg, data, n);
}
