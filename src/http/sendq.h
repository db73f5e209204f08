/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_SENDQ_H
#define BERTH_HTTP_SENDQ_H

/*
 * What a descriptor is to be given: bytes and ranges of files, in order.
 *
 * Something new is offered to the descriptor if nothing waits, and what is not
 * taken waits in the queue.  All functions that can fail return -1 with errno,
 * ENODATA if a file was shorter than announced; a full descriptor is not a
 * failure.  After a failure the queue is good for sendq_clear only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/list.h"

struct iovec;

struct sendq {
	struct list pieces;
	uint64_t n_bytes; /* that wait */
	bool is_socket;
};

void sendq_init(struct sendq *q, bool is_socket);
void sendq_clear(struct sendq *q);

/* `more': another piece follows at once, so a packet may wait for it. */
int sendq_add(struct sendq *q, int fd, const struct iovec *pieces,
	      size_t n_pieces, bool more);

/* `file' is borrowed for the call; a duplicate is kept if need be. */
int sendq_add_file(struct sendq *q, int fd, int file, uint64_t offset,
		   uint64_t n);

/* Send what waits, about `max' bytes at most. */
int sendq_flush(struct sendq *q, int fd, size_t max);

#endif
