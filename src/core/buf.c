/* SPDX-License-Identifier: ISC */

/*
 * Growing bytes; see buf.h.
 *
 * Invariant: data == NULL implies start == len == size == 0; otherwise
 * start + len < size and data[start + len] is NUL.
 */

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"

#define SMALLEST 256

void
buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf)BUF_INIT(max);
}

void
buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf)BUF_INIT(buf->max);
}

void
buf_clear(struct buf *buf)
{
	buf->start = 0;
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

uint8_t *
buf_reserve(struct buf *buf, size_t n)
{
	size_t need, size;

	if (n > buf->max || buf->len > buf->max - n)
		return NULL;
	need = buf->len + n + 1;
	if (buf->data && buf->start + need <= buf->size)
		return buf->data + buf->start + buf->len;

	if (buf->start > 0) {
		memmove(buf->data, buf->data + buf->start, buf->len + 1);
		buf->start = 0;
	}
	if (need > buf->size) {
		size = MAX(buf->size, (size_t)SMALLEST);
		while (size < need)
			size *= 2;
		buf->data = xrealloc(buf->data, size);
		buf->size = size;
	}
	buf->data[buf->len] = '\0';
	return buf->data + buf->len;
}

void
buf_commit(struct buf *buf, size_t n)
{
	assert(buf->data && buf->start + buf->len + n < buf->size);
	buf->len += n;
	buf->data[buf->start + buf->len] = '\0';
}

int
buf_add(struct buf *buf, const void *bytes, size_t n)
{
	uint8_t *room = buf_reserve(buf, n);

	if (room == NULL)
		return -1;
	if (n > 0)
		memcpy(room, bytes, n);
	buf_commit(buf, n);
	return 0;
}

int
buf_adds(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

int
buf_addc(struct buf *buf, char c)
{
	return buf_add(buf, &c, 1);
}

int
buf_addf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	uint8_t *room;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	room = n < 0 ? NULL : buf_reserve(buf, (size_t)n);
	if (room == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf((char *)room, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_commit(buf, (size_t)n);
	return 0;
}

void
buf_consume(struct buf *buf, size_t n)
{
	assert(n <= buf->len);
	buf->start += n;
	buf->len -= n;
	if (buf->len == 0)
		buf_clear(buf);
}

char *
buf_take(struct buf *buf)
{
	char *text;

	if (buf->start > 0)
		memmove(buf->data, buf->data + buf->start, buf->len + 1);
	text = buf->data ? (char *)buf->data : xstrdup("");
	buf->data = NULL;
	buf_fini(buf);
	return text;
}
