/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_SESSION_ATTACH_H
#define BERTH_CLIENT_SESSION_ATTACH_H

/*
 * A session on a terminal, live, through breaks of the connection.
 *
 * When the connection breaks, another is made, for as long as it takes: the
 * session goes on, and draws its whole screen when it is looked at again.  What
 * is typed in between is dropped, since nobody could see what it would do.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct client;
struct session_attach;

/* Why it is over. */
struct session_left {
	char
	    *reason; /* "detached", "ended", "replaced", "killed", "lost" ... */
	int64_t exit_code; /* of an agent that ended, or -1 */
	int64_t signal;	   /* or 0 */
};

struct session_attach_config {
	struct client *client;
	const char *name; /* borrowed, as the next two */
	const char *term, *colorterm;
	uint64_t cols, rows;
	bool is_utf8, is_read_only, is_alone;
	const char *size; /* "follow", "ignore"; NULL: by what it is */

	/* True: the terminal cannot take more now; call session_attach_more. */
	bool (*on_output)(const void *bytes, size_t n, void *owner);
	void (*on_lost)(const struct err *err, void *owner);
	void (*on_back)(void *owner); /* also the first time */

	/*
	 * Once, and last.  `left' is NULL if it failed; what it holds is
	 * borrowed.
	 */
	void (*on_end)(const struct session_left *left, const struct err *err,
		       void *owner);
	void *owner;
};

/* All that happens comes from the loop. */
struct session_attach *
session_attach_start(const struct session_attach_config *config);

/* No event follows.  The loop has to run once more. */
void session_attach_free(struct session_attach *attach);

void session_attach_input(struct session_attach *attach, const void *bytes,
			  size_t n);
void session_attach_resize(struct session_attach *attach, uint64_t cols,
			   uint64_t rows);
void session_attach_more(struct session_attach *attach);

/*
 * Leave: on_end follows, soon: the session is given a moment to restore the
 * terminal.
 */
void session_attach_leave(struct session_attach *attach);

#endif
