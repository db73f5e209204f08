/* SPDX-License-Identifier: ISC */

/* News of the network; see network.h. */

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/mem.h"
#include "link/network.h"

#define GROUPS                                                                 \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |               \
	 RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

/* What the kernel puts into one datagram at most. */
#define ROOM (32u << 10)

static bool
is_better(const struct nlmsghdr *message, const void *body, size_t n)
{
	struct ifinfomsg interface;

	switch (message->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_NEWROUTE:
		return true;
	case RTM_NEWLINK:
		if (n < sizeof(interface))
			return false;
		memcpy(&interface, body, sizeof(interface));
		return interface.ifi_flags & IFF_RUNNING;
	default:
		return false;
	}
}

bool
network_is_news(const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	struct nlmsghdr message;

	while (n >= sizeof(message)) {
		size_t length;

		memcpy(&message, at, sizeof(message));
		length = message.nlmsg_len;
		if (length < sizeof(message) || length > n)
			return false;
		if (is_better(&message, at + NLMSG_HDRLEN,
			      length - NLMSG_HDRLEN))
			return true;
		length = MIN((size_t)NLMSG_ALIGN(length), n);
		at += length;
		n -= length;
	}
	return false;
}

static void
on_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
	struct network *network = container_of(poll, struct network, poll);
	_Alignas(struct nlmsghdr) uint8_t room[ROOM];
	bool is_news = false;
	ssize_t n;

	while ((n = recv(network->fd, room, sizeof(room), 0)) > 0)
		is_news |= network_is_news(room, (size_t)n);
	/* What was too much for the kernel's queue may have been news. */
	if (is_news || (n < 0 && errno == ENOBUFS))
		network->on_change(network->owner);
}

void
network_init(struct network *network, struct uv_loop_s *loop,
	     void (*on_change)(void *owner), void *owner)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK,
				      .nl_groups = GROUPS };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);

	*network = (struct network){ .fd = -1,
				     .on_change = on_change,
				     .owner = owner };
	if (fd < 0)
		return;
	if (bind(fd, (struct sockaddr *)&groups, sizeof(groups)) < 0 ||
	    uv_poll_init(loop, &network->poll, fd) < 0) {
		close(fd);
		return;
	}
	network->fd = fd;
	uv_poll_start(&network->poll, UV_READABLE, on_readable);
	uv_unref((uv_handle_t *)&network->poll);
}

int
network_n_handles(const struct network *network)
{
	return network->fd >= 0;
}

void
network_fini(struct network *network, uv_close_cb on_closed, void *owner)
{
	if (network->fd < 0)
		return;
	network->poll.data = owner;
	uv_close((uv_handle_t *)&network->poll, on_closed);
	close(network->fd);
	network->fd = -1;
}
