/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_BUF_H
#define BERTH_CORE_BUF_H

/*
 * Growing bytes with a maximum that is fixed at init.
 *
 * `len' bytes from buf_bytes() are valid; one NUL follows them always, so that
 * text can be read as a string.  Consuming from the front is cheap: the bytes
 * are moved only when room is needed.  An append that would pass the maximum
 * changes nothing and returns -1 (raise ERR_LIMIT with the words of the
 * caller).  A struct buf that is all zero is an empty buffer without room.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/macros.h"

struct buf {
	uint8_t *data;
	size_t start; /* consumed bytes in front */
	size_t len;
	size_t size;
	size_t max;
};

#define BUF_INIT(limit)                                                        \
	{                                                                      \
		.max = (limit)                                                 \
	}

void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf);

/* Empty; the memory stays for reuse. */
void buf_clear(struct buf *buf);

/* Make room for `n' more bytes and return where they go, or NULL. */
uint8_t *buf_reserve(struct buf *buf, size_t n);

/* `n' bytes were written where buf_reserve pointed. */
void buf_commit(struct buf *buf, size_t n);

int buf_add(struct buf *buf, const void *bytes, size_t n);
int buf_adds(struct buf *buf, const char *text);
int buf_addc(struct buf *buf, char c);
int buf_addf(struct buf *buf, const char *fmt, ...) PRINTF(2, 3);

/* Drop `n' bytes from the front; `n' is at most the length. */
void buf_consume(struct buf *buf, size_t n);

/* The text, owned by the caller now; the buffer is empty. */
char *buf_take(struct buf *buf);

static inline uint8_t *
buf_bytes(const struct buf *buf)
{
	static uint8_t none[1];

	return buf->data ? buf->data + buf->start : none;
}

static inline const char *
buf_text(const struct buf *buf)
{
	return (const char *)buf_bytes(buf);
}

static inline void
auto_buf(struct buf *buf)
{
	buf_fini(buf);
}

#define AUTO_BUF __attribute__((cleanup(auto_buf))) struct buf

#endif
