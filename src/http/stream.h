/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_STREAM_H
#define BERTH_HTTP_STREAM_H

/*
 * A byte stream on descriptors, in both directions, with back-pressure.
 *
 * It reads and writes a socket, a terminal, or a pair of pipes, through
 * uv_poll_t, so that bytes and pieces of files (sendfile) can go down the same
 * way.  HTTP connections are built on it, and an upgraded connection is handed
 * over as one.
 *
 * Reading: on_data gets bytes that are borrowed for the call.  Paused, nothing
 * is read, so the peer is slowed down.  on_end with NULL is called once, when
 * the peer finished sending; writing goes on.  on_end with an error is called
 * once, when the stream broke, be it before or after the end; nothing is
 * called after it.  Bytes that had arrived before a write failed are still
 * delivered first, unless the stream is paused.
 *
 * Writing: bytes are sent at once as far as the descriptor takes them and kept
 * otherwise.  stream_write returns true when more than the high-water mark is
 * kept: stop then, until on_drain.  on_sent is called whenever the last kept
 * byte has left.
 *
 * No callback is called from inside a function of this header.  A callback may
 * close the stream as its last act.  The program ignores SIGPIPE: sendfile and
 * pipes cannot be told otherwise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct iovec;
struct stream;
struct uv_loop_s;

struct stream_events {
	void (*on_data)(struct stream *, const void *bytes, size_t n,
			void *owner);
	void (*on_end)(struct stream *, const struct err *err, void *owner);
	void (*on_drain)(struct stream *, void *owner); /* may be NULL */
	void (*on_sent)(struct stream *, void *owner);	/* may be NULL */
};

/* Bytes kept before stream_write says stop. */
#define STREAM_HIGH_WATER (256u << 10)

/*
 * Take both descriptors (the same one twice for a socket); they are
 * non-blocking until the stream closes.  Reading starts paused.  Without
 * `events' the stream stays silent until stream_set_events.
 *
 * ERR_UNSUPPORTED: a regular file, or another kind that cannot be waited for;
 * the descriptors are still the caller's.
 */
struct stream *stream_new(struct uv_loop_s *loop, int in_fd, int out_fd,
			  const struct stream_events *events, void *owner,
			  struct err *err);

/*
 * Close now; what is kept unsent is lost.  The pointer is dead.  NULL is
 * allowed.
 */
void stream_close(struct stream *stream);

/*
 * The pointer is dead, no callback follows.  What is kept is sent (deadline
 * 30 s), then writing is shut down, and what the peer still sends is thrown
 * away for a moment, so that it can read the last bytes before a reset.
 */
void stream_close_after_write(struct stream *stream);

/* Close all that are still about that, as the process ends. */
void stream_end_lingering(void);

/* Other callbacks and owner from now on (used by an upgrade). */
void stream_set_events(struct stream *stream,
		       const struct stream_events *events, void *owner);

void stream_resume(struct stream *stream);
void stream_pause(struct stream *stream);

/* Bytes that were read too far go to on_data again, before newer ones. */
void stream_unread(struct stream *stream, const void *bytes, size_t n);

/* Copies.  True: stop until on_drain. */
bool stream_write(struct stream *stream, const void *bytes, size_t n);

/*
 * The same for several pieces in one call.  `more': another write follows
 * within this callback, so a packet may wait for it.
 */
bool stream_writev(struct stream *stream, const struct iovec *pieces,
		   size_t n_pieces, bool more);

/*
 * Send `n' bytes of `fd' from `offset' after what was written before, without
 * copying where the kernel can.  `fd' is borrowed for the call; a duplicate is
 * kept if need be.  A file that turns out shorter breaks the stream.  True:
 * stop until on_drain.
 */
bool stream_write_file(struct stream *stream, int fd, uint64_t offset,
		       uint64_t n);

/* No more bytes: the peer sees the end once all are sent. */
void stream_shutdown(struct stream *stream);

/* Bytes written and not yet taken by the kernel. */
uint64_t stream_pending(const struct stream *stream);

/* Is on_drain still to come? */
bool stream_is_full(const struct stream *stream);

struct uv_loop_s *stream_loop(const struct stream *stream);

/* The descriptor read from; borrowed. */
int stream_fd(const struct stream *stream);

/*
 * Give the descriptors to the caller and free the stream.  What is kept unsent,
 * and bytes that were given back, are lost: both are none if the peer takes
 * turns.  *ret_out equals *ret_in for a socket, and is -1 after a shutdown of a
 * pair.  They are as blocking as they came.
 */
void stream_detach(struct stream *stream, int *ret_in, int *ret_out);

#endif
