/* SPDX-License-Identifier: ISC */

/* Frames of a command; see frame.h. */

#include <string.h>

#include "core/json.h"
#include "link/frame.h"

#define MAX_SMALL 256

void
frame_header(uint8_t out[FRAME_HEADER], enum frame_type type, uint32_t n)
{
	memset(out, 0, FRAME_HEADER);
	out[0] = (uint8_t)type;
	for (int i = 0; i < 4; i++)
		out[4 + i] = (uint8_t)(n >> 8 * i);
}

void
frame_reader_init(struct frame_reader *r)
{
	*r = (struct frame_reader){ .n_header = 0 };
	buf_init(&r->small, MAX_SMALL);
}

void
frame_reader_fini(struct frame_reader *r)
{
	buf_fini(&r->small);
}

/* The header is complete: is it one? */
static enum frame_event
begin(struct frame_reader *r)
{
	const uint8_t *h = r->header;

	r->left = (uint32_t)h[4] | (uint32_t)h[5] << 8 | (uint32_t)h[6] << 16 |
		  (uint32_t)h[7] << 24;
	if (h[1] || h[2] || h[3] || r->left > FRAME_MAX)
		return FRAME_BAD;
	if (h[0] == FRAME_RESIZE)
		return r->left > 0 && r->left <= MAX_SMALL ? FRAME_MORE
							   : FRAME_BAD;
	if (h[0] != FRAME_STDIN)
		return FRAME_BAD;
	return r->left == 0 ? FRAME_INPUT_END : FRAME_MORE;
}

struct size {
	int64_t cols, rows;
};

static const struct json_field size_fields[] = {
	{ .name = "cols",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct size, cols),
	  .required = true,
	  .min = 1,
	  .max = UINT16_MAX },
	{ .name = "rows",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct size, rows),
	  .required = true,
	  .min = 1,
	  .max = UINT16_MAX },
};

static enum frame_event
read_size(struct frame_reader *r)
{
	struct err ignored = ERR_INIT;
	struct size size = { 0 };
	int rc = json_decode_text(buf_bytes(&r->small), r->small.len,
				  size_fields, ARRAY_SIZE(size_fields), 0,
				  &size, &ignored);

	buf_clear(&r->small);
	r->cols = (uint16_t)size.cols;
	r->rows = (uint16_t)size.rows;
	return rc == 0 ? FRAME_SIZE : FRAME_BAD;
}

static void
take_header(struct frame_reader *r, const uint8_t **bytes, size_t *n)
{
	size_t took = MIN(*n, FRAME_HEADER - r->n_header);

	memcpy(r->header + r->n_header, *bytes, took);
	r->n_header += took;
	*bytes += took;
	*n -= took;
}

/* Up to the end of the payload. */
static enum frame_event
take_payload(struct frame_reader *r, const uint8_t **bytes, size_t *n,
	     const uint8_t **ret_data, size_t *ret_n)
{
	size_t took = MIN(*n, (size_t)r->left);
	const uint8_t *at = *bytes;

	*bytes += took;
	*n -= took;
	r->left -= (uint32_t)took;
	if (r->left == 0)
		r->n_header = 0;
	if (r->header[0] == FRAME_STDIN) {
		*ret_data = at;
		*ret_n = took;
		return FRAME_INPUT;
	}
	(void)buf_add(&r->small, at, took);
	return r->left == 0 ? read_size(r) : FRAME_MORE;
}

enum frame_event
frame_next(struct frame_reader *r, const uint8_t **bytes, size_t *n,
	   const uint8_t **ret_data, size_t *ret_n)
{
	enum frame_event event = FRAME_MORE;

	while (*n > 0 && event == FRAME_MORE) {
		if (r->n_header == FRAME_HEADER) {
			event = take_payload(r, bytes, n, ret_data, ret_n);
			continue;
		}
		take_header(r, bytes, n);
		if (r->n_header < FRAME_HEADER)
			break;
		event = begin(r);
		if (event == FRAME_INPUT_END)
			r->n_header = 0;
	}
	return event;
}
