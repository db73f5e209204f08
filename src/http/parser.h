/* SPDX-License-Identifier: ISC */
#ifndef BERTH_HTTP_PARSER_H
#define BERTH_HTTP_PARSER_H

/*
 * HTTP/1.1 messages out of bytes, as strictly as docs/http.md says.
 *
 * Bytes are pulled through: parser_next consumes from the front of what it is
 * given and returns at the first thing to report.  A message is one
 * PARSER_HEAD, any number of PARSER_DATA, one PARSER_END; then parser_reset.
 * PARSER_BAD can come at any time and is final.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "http/gate.h"
#include "http/head.h"

enum parser_kind { PARSER_REQUEST, PARSER_RESPONSE };

enum parser_event {
	PARSER_MORE, /* all bytes are consumed */
	PARSER_HEAD, /* `head' is valid until parser_reset */
	PARSER_DATA,
	PARSER_END,
	PARSER_BAD, /* `status' and `why' */
};

/* What the body of a message is delimited by. */
enum parser_body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_END };

struct parser {
	enum parser_kind kind;
	unsigned char state; /* where in the grammar */
	unsigned char minor; /* HTTP/1.minor */
	bool has_no_body;    /* set it for the answer to a HEAD */
	bool is_headed;	     /* the head is complete */

	struct gate gate; /* of the head, then of the trailers */
	struct buf raw;	  /* a head that comes in parts */
	unsigned n_at;	  /* bytes of a chunk's size or extension */

	struct http_head head;
	void *block; /* what head points into */
	enum parser_body body;
	uint64_t left; /* of the body or the chunk */

	unsigned status; /* what to answer */
	const char *why;
};

void parser_init(struct parser *p, enum parser_kind kind);
void parser_fini(struct parser *p);

/* Ready for the next message. */
void parser_reset(struct parser *p);

/* Has anything of a message arrived? */
bool parser_is_started(const struct parser *p);

/* After the head: is a body, or the rest of one, to come? */
bool parser_has_body(const struct parser *p);

enum parser_event parser_next(struct parser *p, const uint8_t **bytes,
			      size_t *n, const uint8_t **ret_data,
			      size_t *ret_n);

/* The peer will send no more: PARSER_END if that ends the body. */
enum parser_event parser_finish(struct parser *p);

/* "Not Found" */
const char *parser_reason(unsigned status);

#endif
