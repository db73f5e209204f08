/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_DETACH_H
#define BERTH_CORE_DETACH_H

/*
 * Programs that serve in the background, one of each kind at a time, started by
 * whoever needs them first.
 *
 * The child is in a session of its own that it does not lead, in /, with
 * /dev/null for input and output, the log for messages and no other descriptor
 * but one: a pipe on which it says that it serves, or why it does not.  Who
 * loses the race to be the one (ERR_CONFLICT) waits until the winner answers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct detach_ops {
	const char *what;     /* in messages: "the daemon" */
	uint64_t deadline_ms; /* from the start until it serves */
	bool keeps_input;     /* has something to read there first */

	/* The log, for appending: a descriptor. */
	int (*open_log)(void *owner, struct err *err);

	/* Does one serve already?  False also when a new one is to take over.
	 */
	bool (*is_served)(void *owner);

	/*
	 * In the child: serve until the end, after detach_say_ready.  No loop
	 * of libuv may have been used before.
	 */
	int (*serve)(void *owner, int ready_fd, struct err *err);
};

/* Return when one serves. */
int detach_ensure(const struct detach_ops *ops, void *owner, struct err *err);

/* Tell who started us; `ready_fd' is closed. */
void detach_say_ready(int ready_fd);

/* Open a log of up to `max' bytes; a longer one is begun anew, one is kept. */
int detach_open_log(const char *path, uint64_t max, struct err *err);

/*
 * Does an HTTP server on this connection answer?  That one accepts proves
 * nothing: a connection may wait in the queue of one that is dying.
 */
bool detach_does_answer(int fd, const char *path, uint64_t deadline_ms);

#endif
