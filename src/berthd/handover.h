/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_HANDOVER_H
#define BERTHD_HANDOVER_H

/*
 * From one daemon to the next without a refused connection: the old one passes
 * its listening sockets and its lock over an upgraded request and stops
 * accepting; who connects in between waits in the backlog.  Connections without
 * a request under way go with them, so that neither a client that has just
 * connected nor one that keeps its connection finds it closed.  Execs do not
 * notice, their holders need no daemon.
 */

#include <stddef.h>

#include "core/err.h"

/* What fits into one message beside the three others. */
#define HANDOVER_MAX_CONNS 250

struct handover {
	int lock_fd, unix_fd;
	int tcp_fd; /* -1: the old daemon has no TCP listener */
	int conns[HANDOVER_MAX_CONNS];
	size_t n_conns;
};

/* The old daemon's side: one message on `fd'. */
int handover_send(int fd, const struct handover *handover);

/*
 * The successor's side: ask the daemon at `socket' and wait.  ERR_TIMEOUT: it
 * does not let go.
 */
int handover_request(const char *socket, struct handover *ret, struct err *err);

#endif
