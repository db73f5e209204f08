/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FRAMES_H
#define BERTH_CLIENT_FRAMES_H

/*
 * Decoding application/vnd.berth.frames: output of an exec as bytes, with
 * what else happens in between.
 *
 * A frame is a header of 16 bytes (type, three zeros, length, offset; little
 * endian) and its payload.  Output is handed on as it arrives, a long frame in
 * pieces with growing offsets; the payload of other frames is JSON and comes
 * whole.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

#define FRAMES_TYPE "application/vnd.berth.frames"
#define FRAME_HEADER_SIZE 16

/* A JSON payload larger than this is no peer of ours. */
#define FRAME_MAX_JSON (4u << 20)

enum frame_type {
	FRAME_STDOUT = 1,
	FRAME_STDERR = 2,
	FRAME_GAP = 3,
	FRAME_STARTED = 4,
	FRAME_FINISHED = 5,
	FRAME_KEEPALIVE = 6,
};

/*
 * A frame, or a piece of output.  `bytes' is borrowed for the call.  Types that
 * are not known are handed on too, whole; ignore them.  Less than 0 stops.
 */
typedef int frame_fn(unsigned type, uint64_t offset, const void *bytes,
		     size_t n, void *owner);

struct frames {
	frame_fn *on_frame;
	void *owner;
	uint8_t header[FRAME_HEADER_SIZE];
	size_t n_header; /* bytes of the header so far */
	uint64_t offset; /* of the next piece */
	uint32_t left;	 /* payload still to come */
	struct buf json; /* payload that must be whole */
};

void frames_init(struct frames *frames, frame_fn *on_frame, void *owner);
void frames_fini(struct frames *frames);

/* A new connection: what was begun on the old one is dropped. */
void frames_reset(struct frames *frames);

/* -1: ERR_PROTO, or `on_frame' stopped and `err' is as it was. */
int frames_feed(struct frames *frames, const void *bytes, size_t n,
		struct err *err);

#endif
