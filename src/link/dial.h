/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_DIAL_H
#define BERTH_LINK_DIAL_H

/*
 * A TCP connection to a host of several addresses: to the first that answers.
 *
 * They are tried in the order that they are given in, but the families take
 * turns (RFC 8305, section 4).  The next one is tried as soon as one has failed
 * or has been silent for 250 ms, and those that are silent go on meanwhile; so
 * an address that swallows packets costs a quarter of a second.
 *
 * All sockets belong to the dial until one of them is connected.  How long is
 * waited for that is the caller's business: nothing ends a dial whose addresses
 * are silent but dial_free.
 */

#include <stdint.h>

#include "core/err.h"

struct dial;
struct uv_loop_s;

struct dial_config {
	struct uv_loop_s *loop;
	char *const *addresses; /* numeric; borrowed, as all, during dial_new */
	uint16_t port;
	int family;	  /* the only one: AF_INET, AF_INET6; or AF_UNSPEC */
	const char *from; /* numeric, of this host; or NULL: any */
};

/*
 * Once, from the loop: a connected socket, taken, that does not block and is
 * not watched any more; or -1 and why (ERR_UNREACHABLE, with the cause for each
 * address).  It may free the dial.
 */
typedef void dial_done_fn(int fd, const struct err *why, void *owner);

struct dial *dial_new(const struct dial_config *config, dial_done_fn *done,
		      void *owner);

/* Nothing is told any more, and no socket is left.  NULL is allowed. */
void dial_free(struct dial *dial);

/*
 * What has come of the addresses that were tried, for a message: "192.0.2.1
 * port 22: no answer; 192.0.2.2: Connection refused".  Freed by the caller.
 */
char *dial_describe(const struct dial *dial);

#endif
