/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_NETWORK_H
#define BERTH_LINK_NETWORK_H

/*
 * The network of this host has changed for the better, perhaps: an address, a
 * route or an interface that runs is new.
 *
 * The kernel tells it (rtnetlink).  Where it does not, nobody is told, and
 * whoever waits for the network waits as long as without us.
 */

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

struct network {
	int fd; /* -1: the kernel does not tell */
	uv_poll_t poll;
	void (*on_change)(void *owner);
	void *owner;
};

/* `on_change' comes from the loop, once for what came at once. */
void network_init(struct network *network, struct uv_loop_s *loop,
		  void (*on_change)(void *owner), void *owner);

/* How many handles fini closes: `on_closed' is called for each. */
int network_n_handles(const struct network *network);
void network_fini(struct network *network, uv_close_cb on_closed, void *owner);

/* Is there a change for the better in these messages of the kernel? */
bool network_is_news(const void *bytes, size_t n);

#endif
