/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_TUNNEL_H
#define BERTH_CLIENT_TUNNEL_H

/*
 * A tunnel to the TCP port of a machine's daemon: an `ssh -N -L' of our own,
 * for machines that say `use_direct_addr'.
 *
 * It lives as long as this program, also if that is killed.  The port at our
 * end is on loopback; a port that another user turns out to hold is never
 * spoken to, since a token would go there.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

struct machine;

struct tunnel {
	char *machine;
	char **where; /* what names it on ssh's command line */
	int64_t daemon_port;
	uint64_t timeout; /* ms */
	bool asks;

	/* of an open one */
	pid_t pid; /* of ssh; 0: it is closed */
	int pidfd;
	uint16_t port;	    /* at our end */
	uint64_t health_us; /* how long GET /health took */
	unsigned n_retries;
};

#define TUNNEL_INIT                                                            \
	{                                                                      \
		.pidfd = -1                                                    \
	}

/*
 * Say where it goes; nothing is started.  `asks' lets ssh ask the user.
 * ERR_INVALID: the machine has nothing that ssh could be given.
 */
int tunnel_init(struct tunnel *tunnel, const struct machine *machine, bool asks,
		struct err *err);
void tunnel_fini(struct tunnel *tunnel);

/*
 * Open it and see that a daemon answers through it; three attempts.  One that
 * is open stays so; one whose ssh is gone is opened again, on another port.
 * ERR_UNREACHABLE with what ssh said.
 */
int tunnel_open(struct tunnel *tunnel, struct err *err);

#endif
