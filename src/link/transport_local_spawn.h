/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_TRANSPORT_LOCAL_SPAWN_H
#define BERTH_LINK_TRANSPORT_LOCAL_SPAWN_H

/*
 * The start of a command or subsystem of this host, for the local transport:
 * in a session of its own, on a terminal of its own or on three pipes.
 */

#include <sys/types.h>

#include "core/err.h"

struct channel_spec;

struct local_process {
	pid_t pid;
	int fds[3]; /* ours: its input, output, errors; or its terminal alone */
};

#define LOCAL_PROCESS_INIT                                                     \
	{                                                                      \
		.fds = { -1, -1, -1 }                                          \
	}

/* ERR_DENIED: there is no such subsystem. */
int local_spawn(const struct channel_spec *spec, struct local_process *ret,
		struct err *err);

/* Its descriptors that nobody has taken; the process is the caller's. */
void local_process_fini(struct local_process *process);

#endif
