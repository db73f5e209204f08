/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_EXEC_INPUT_H
#define BERTH_CLIENT_EXEC_INPUT_H

/*
 * Forwarding a descriptor to the standard input of an exec, byte by byte and
 * with its end.
 *
 * What was read travels with its offset, so a piece whose answer was lost is
 * taken once; what was not taken of it is sent again.  While a piece is under
 * way no more than as much further is read: a slow command slows the producer.
 * Where another client has fed this exec before, with the same key, what it
 * gave is skipped here; a terminal goes on where the exec is.  The descriptor's
 * flags are not touched, for a terminal is shared with the shell that started
 * us.
 */

#include <stdint.h>

#include "core/err.h"

struct client;
struct exec_input;

/*
 * Called once, when input failed.  That it ended, or that the exec reads no
 * more of it, is no event.
 */
typedef void exec_input_fail_fn(const struct err *err, void *owner);

/* Called once, when the byte `escape' was read; nothing after it is sent. */
typedef void exec_input_escape_fn(void *owner);

struct exec_input_config {
	struct client *client;
	const char *id; /* copied */
	int fd;		/* borrowed until free */
	exec_input_fail_fn *on_fail;
	exec_input_escape_fn *on_escape; /* NULL: no byte is special */
	uint8_t escape;
	void *owner;
};

struct exec_input *exec_input_start(const struct exec_input_config *config);

/* Stop; what was read and not yet sent is dropped. */
void exec_input_free(struct exec_input *input);

#endif
