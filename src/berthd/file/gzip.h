/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_GZIP_H
#define BERTHD_FILE_GZIP_H

/*
 * gzip (RFC 1952) as a stream of bytes, in both directions.
 *
 * Whoever calls decides how much is done at a time: unpacking stops when the
 * output is full, so that a small input cannot cost unbounded work.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct gunzip;
struct gzip;

struct gunzip *gunzip_new(void);
void gunzip_free(struct gunzip *gunzip);

/*
 * Unpack from *in, which moves on together with *n, into at most `size' bytes
 * at `out'; returns how many came out.  Fewer than `size' means that all input
 * was used.  ERR_INVALID if it is not gzip or damaged.
 */
ssize_t gunzip_read(struct gunzip *gunzip, const uint8_t **in, size_t *n,
		    uint8_t *out, size_t size, struct err *err);

/* May the stream end here?  Not inside a member, nor before the first. */
bool gunzip_is_complete(const struct gunzip *gunzip);

struct gzip *gzip_new(void);
void gzip_free(struct gzip *gzip);

/* Pack `n' bytes; what comes out is appended.  -1 if it does not fit. */
int gzip_add(struct gzip *gzip, const void *bytes, size_t n, struct buf *out);

/* No more bytes: append the rest and the checksum. */
int gzip_end(struct gzip *gzip, struct buf *out);

#endif
