/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_GATE_H
#define BERTH_HTTP_GATE_H

/*
 * The gate that each byte of a head passes before anything is made of it.
 *
 * It knows the grammar of lines and the limits, and stops at the first byte
 * that is wrong; it does not know what headers mean.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_MAX_HEAD (16u << 10)
#define GATE_MAX_TARGET (8u << 10)
#define GATE_MAX_HEADERS 100
#define GATE_MAX_TRAILERS (4u << 10)

enum gate_kind { GATE_REQUEST, GATE_RESPONSE, GATE_TRAILERS };

enum gate_state {
	GATE_START,
	GATE_START_LF,
	/* requests */
	GATE_METHOD,
	GATE_TARGET,
	GATE_VERSION,
	/* responses */
	GATE_PROTOCOL,
	GATE_CODE,
	GATE_REASON,
	/* all */
	GATE_LINE_LF,
	GATE_NAME_FIRST,
	GATE_NAME,
	GATE_VALUE,
	GATE_VALUE_LF,
	GATE_LAST_LF,

	GATE_DONE, /* the empty line was the last that was taken */
	GATE_BAD,  /* `status' and `why' */
};

struct gate {
	enum gate_kind kind;
	enum gate_state state;
	bool is_empty_before; /* one empty line before a request is allowed */
	unsigned n_part;      /* bytes of the current part of the first line */
	unsigned n_bytes;
	unsigned n_headers;
	unsigned status; /* what a server answers */
	const char *why;
};

void gate_init(struct gate *gate, enum gate_kind kind);

/* How many of `n' bytes belong to the head; fewer than `n' when it ends. */
size_t gate_pass(struct gate *gate, const uint8_t *bytes, size_t n);

/* What a byte may be part of. */
enum gate_class {
	GATE_IN_TOKEN = 1 << 0,	 /* methods and names of headers */
	GATE_IN_TEXT = 1 << 1,	 /* values of headers */
	GATE_IN_TARGET = 1 << 2, /* request targets */
	GATE_IN_HOST = 1 << 3,	 /* the value of Host */
};

bool gate_byte_is(uint8_t byte, enum gate_class class);

#endif
