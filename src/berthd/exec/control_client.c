/* SPDX-License-Identifier: ISC */

/* The daemon's end of the control channel; see control_client.h. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/exec/control.h"
#include "berthd/exec/control_client.h"
#include "core/fs.h"
#include "core/mem.h"

struct control_client {
	uv_poll_t poll;
	int fd;
	bool is_closed;
	const struct control_client_events *events;
	void *owner;
};

static void
on_closed(uv_handle_t *handle)
{
	struct control_client *client = container_of(
	    (uv_poll_t *)handle, struct control_client, poll);

	free(client);
}

void
control_client_free(struct control_client *client)
{
	if (client == NULL || client->is_closed)
		return;
	client->is_closed = true;
	(void)uv_poll_stop(&client->poll);
	close(client->fd);
	uv_close((uv_handle_t *)&client->poll, on_closed);
}

/* One message; false when there is none now, or none will come. */
static bool
receive(struct control_client *client)
{
	struct {
		struct control_msg msg;
		uint8_t data[CONTROL_MAX_DATA];
	} packet;
	ssize_t got = recv(client->fd, &packet, sizeof(packet), 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* The holder left something unread; what it said comes next. */
	if (got < 0 && errno == ECONNRESET)
		return true;
	if (got < (ssize_t)sizeof(packet.msg)) {
		(void)uv_poll_stop(&client->poll);
		client->events->on_gone(client, client->owner);
		return false;
	}
	client->events->on_message(client, &packet.msg, packet.data,
				   (size_t)got - sizeof(packet.msg),
				   client->owner);
	return true;
}

static void
on_poll(uv_poll_t *poll, int status, int events UNUSED)
{
	struct control_client *client = container_of(
	    poll, struct control_client, poll);

	/* What is left wakes us again; after an error nothing does. */
	while (receive(client) && status < 0 && !client->is_closed)
		;
}

struct control_client *
control_client_new(struct uv_loop_s *loop, int fd,
		   const struct control_client_events *events, void *owner)
{
	struct control_client *client = xcalloc(1, sizeof(*client));

	client->fd = fd;
	client->events = events;
	client->owner = owner;
	fd_set_nonblock(fd);
	if (uv_poll_init(loop, &client->poll, fd) < 0)
		abort();
	(void)uv_poll_start(&client->poll, UV_READABLE, on_poll);
	return client;
}

void
control_client_retarget(struct control_client *client,
			const struct control_client_events *events, void *owner)
{
	client->events = events;
	client->owner = owner;
}

struct control_client *
control_client_connect(struct uv_loop_s *loop, int dir_fd,
		       const struct control_client_events *events, void *owner,
		       struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = socket(
	    AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		err_sys(err, "socket");
		return NULL;
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s",
		 dir_fd, CONTROL_SOCKET);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err_sys(err, "connect to the holder");
		return NULL;
	}
	return control_client_new(loop, TAKE_FD(fd), events, owner);
}

bool
control_client_send(struct control_client *client,
		    const struct control_msg *msg, const void *data, size_t n)
{
	struct control_msg head = *msg;
	struct iovec parts[2] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = n },
	};
	struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };

	return sendmsg(client->fd, &packet, MSG_NOSIGNAL) >= 0;
}
