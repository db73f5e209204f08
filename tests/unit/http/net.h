/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_HTTP_NET_H
#define BERTH_TESTS_HTTP_NET_H

/*
 * A loop with one end of a socket pair in it, and a hand on the other end.
 *
 * The peer is played by the test: what it is to send is queued, what it gets is
 * gathered, and both move while the loop turns.  Nothing is waited for by time:
 * net_until turns the loop until a condition holds, five seconds at most.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/buf.h"

struct net {
	uv_loop_t loop;
	int ours;	/* for the code under test; -1 once it took it */
	int peer;	/* -1: closed */
	struct buf out; /* what the peer has to send */
	struct buf got; /* what it received */
	bool is_ended;	/* it saw the end */
	bool is_reset;	/* or an error */
	bool is_deaf;	/* it does not read */
};

/* The pair is of `type': SOCK_STREAM, or SOCK_SEQPACKET to count writes. */
void net_init(struct net *net, int type);

/* Turns the loop until its last handle is closed, and closes it. */
void net_fini(struct net *net);

/* Another pair for the same loop; what the peer got is forgotten. */
void net_again(struct net *net, int type);

void net_send(struct net *net, const void *bytes, size_t n);
void net_say(struct net *net, const char *text);

/* The peer stops sending; closes. */
void net_shut(struct net *net);
void net_close(struct net *net);

/* One turn of the loop and of the peer. */
void net_turn(struct net *net);

/* So many turns without work, to see that nothing happens. */
void net_idle(struct net *net);

/* Turn until `condition' holds; fails the test after five seconds. */
#define net_until(net, condition)                                              \
	do {                                                                   \
		uint64_t until_ = clock_mono_ms() + 5000;                      \
		while (!(condition)) {                                         \
			assert_true(clock_mono_ms() < until_);                 \
			net_turn(net);                                         \
		}                                                              \
	} while (0)

/* Nothing is ready, and nothing due within the next second. */
bool net_is_quiet(const struct net *net);

/* Did the peer get this text? */
bool net_has(const struct net *net, const char *text);

#endif
