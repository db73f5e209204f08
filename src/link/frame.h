/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_FRAME_H
#define BERTH_LINK_FRAME_H

/*
 * The frames of a command's streams between link and client: type, three zero
 * bytes, the payload's length in 32 bits little-endian, the payload.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum frame_type {
	FRAME_STDIN, /* nothing in it: the end */
	FRAME_STDOUT,
	FRAME_STDERR,
	FRAME_RESIZE, /* {"cols":80,"rows":24} */
	FRAME_EXIT,   /* {"exit_code":0,"signal":null} */
};

#define FRAME_HEADER 8
#define FRAME_MAX (1u << 20)

void frame_header(uint8_t out[FRAME_HEADER], enum frame_type type, uint32_t n);

/* What a client sends. */
enum frame_event {
	FRAME_MORE,  /* all bytes are consumed */
	FRAME_INPUT, /* `data', a piece of any size */
	FRAME_INPUT_END,
	FRAME_SIZE, /* `cols' and `rows' */
	FRAME_BAD,  /* final */
};

struct frame_reader {
	uint8_t header[FRAME_HEADER];
	size_t n_header;
	uint32_t left;
	struct buf small; /* a payload that is read as a whole */
	uint16_t cols, rows;
};

void frame_reader_init(struct frame_reader *reader);
void frame_reader_fini(struct frame_reader *reader);

enum frame_event frame_next(struct frame_reader *reader, const uint8_t **bytes,
			    size_t *n, const uint8_t **ret_data, size_t *ret_n);

#endif
