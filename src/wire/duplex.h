/* SPDX-License-Identifier: ISC */
#ifndef BERTH_WIRE_DUPLEX_H
#define BERTH_WIRE_DUPLEX_H

/*
 * Frames on a connection that was upgraded to "berth-command": a terminal or
 * a command, with what is no output in between, in both directions.
 *
 * A frame is a header of eight bytes (type, three zeros, length, little endian)
 * and its payload.  Bytes are handed on as they arrive, a long frame in pieces;
 * the payload of other frames is JSON and comes whole.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

#define DUPLEX_PROTOCOL "berth-command"
#define DUPLEX_HEADER_SIZE 8
#define DUPLEX_MAX_JSON (256u << 10)

enum duplex_type {
	DUPLEX_STDIN = 0, /* a frame of no bytes is its end */
	DUPLEX_STDOUT = 1,
	DUPLEX_STDERR = 2,
	DUPLEX_RESIZE = 3, /* {"cols","rows"} */
	DUPLEX_EXIT = 4,   /* the last one: how it ended */
	DUPLEX_START = 5,  /* the first one of a session */
};

/*
 * A frame, or a piece of one of the first three types; for those n == 0 means
 * that the frame itself was empty.  Less than 0 stops.
 */
typedef int duplex_fn(unsigned type, const void *bytes, size_t n, void *owner);

struct duplex {
	duplex_fn *on_frame;
	void *owner;
	uint8_t header[DUPLEX_HEADER_SIZE];
	size_t n_header; /* bytes of the header so far */
	uint32_t left;	 /* payload still to come */
	struct buf json;
};

void duplex_init(struct duplex *duplex, duplex_fn *on_frame, void *owner);
void duplex_fini(struct duplex *duplex);

/* -1: ERR_PROTO, or `on_frame' stopped and `err' is as it was. */
int duplex_feed(struct duplex *duplex, const void *bytes, size_t n,
		struct err *err);

void duplex_header(uint8_t out[DUPLEX_HEADER_SIZE], unsigned type, uint32_t n);

#endif
