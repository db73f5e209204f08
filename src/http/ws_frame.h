/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_WS_FRAME_H
#define BERTH_HTTP_WS_FRAME_H

/*
 * WebSocket frames (RFC 6455, section 5) as bytes: made, and read back into
 * messages.  No stream, no time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

#define WS_MAX_HEADER 14
#define WS_MAX_CONTROL 125

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

/* Reasons to close that we give or report. */
enum {
	WS_CODE_NORMAL = 1000,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_NONE = 1005, /* a close without code; never sent */
	WS_CODE_LOST = 1006, /* no close at all; never sent */
	WS_CODE_TEXT = 1007,
	WS_CODE_TOO_LARGE = 1009,
};

/*
 * The header of an unfragmented frame with `n' bytes of payload; its length.
 * `mask' is NULL or four bytes.
 */
size_t ws_frame_header(uint8_t out[WS_MAX_HEADER], enum ws_opcode opcode,
		       uint64_t n, const uint8_t *mask);

/*
 * Mask or unmask `n' bytes from `in' to `out', which may be the same.  The
 * first byte stands at `offset' of the payload.
 */
void ws_frame_mask(uint8_t *out, const uint8_t *in, size_t n,
		   const uint8_t mask[4], uint64_t offset);

/* May a peer send this code in a close frame? */
bool ws_code_is_valid(unsigned code);

/*
 * The reader: bytes are pulled through until there is something to report.
 * What it reports is valid until the next call.
 */
enum ws_event {
	WS_EVENT_MORE, /* all bytes are consumed */
	WS_EVENT_TEXT, /* a whole message, valid UTF-8 */
	WS_EVENT_BINARY,
	WS_EVENT_PING,
	WS_EVENT_PONG,
	WS_EVENT_CLOSE, /* `code', and the reason, valid UTF-8, as data */
	WS_EVENT_BAD,	/* `code' to close with, and `why'; final */
};

struct ws_reader {
	bool expects_mask; /* we are the server */
	size_t max_message;

	uint8_t header[WS_MAX_HEADER];
	size_t n_header, need; /* bytes of it; as many as are known to come */

	enum ws_opcode opcode; /* of the frame being read */
	bool is_final;
	uint64_t at, size; /* of its payload */
	uint8_t mask[4];

	enum ws_opcode kind; /* of the message; WS_CONTINUATION: none begun */
	struct buf message;
	uint8_t control[WS_MAX_CONTROL];
	bool is_reported; /* the message was; make room for the next */

	unsigned code;
	const char *why;
};

void ws_reader_init(struct ws_reader *r, bool expects_mask, size_t max_message);
void ws_reader_fini(struct ws_reader *r);

enum ws_event ws_reader_next(struct ws_reader *r, const uint8_t **bytes,
			     size_t *n, const uint8_t **ret_data,
			     size_t *ret_n);

#endif
