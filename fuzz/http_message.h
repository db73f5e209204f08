/* SPDX-License-Identifier: ISC */
#ifndef BERTH_FUZZ_HTTP_MESSAGE_H
#define BERTH_FUZZ_HTTP_MESSAGE_H

/*
 * What a parser makes of bytes, written down, so that two ways of feeding it
 * can be compared.
 */

#include "core/buf.h"
#include "http/parser.h"

/*
 * Feed `n' bytes in pieces of at most `step' and append what is reported to
 * `log'; messages follow each other until one is bad.  `no_body': they answer
 * HEAD requests.
 */
void http_message_read(enum parser_kind kind, bool no_body,
		       const uint8_t *bytes, size_t n, size_t step,
		       struct buf *log);

/* Both logs are the same, or the process ends. */
void http_message_compare(const struct buf *one, const struct buf *other);

#endif
