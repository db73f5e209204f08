/* SPDX-License-Identifier: ISC */

/* Frames in; see frames.h. */

#include <string.h>

#include "client/frames.h"

static uint64_t
get_le(const uint8_t *p, size_t n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | p[n];
	return value;
}

void
frames_init(struct frames *frames, frame_fn *on_frame, void *owner)
{
	*frames = (struct frames){ .on_frame = on_frame, .owner = owner };
	buf_init(&frames->json, FRAME_MAX_JSON);
}

void
frames_fini(struct frames *frames)
{
	buf_fini(&frames->json);
}

void
frames_reset(struct frames *frames)
{
	frames->n_header = 0;
	frames->left = 0;
	buf_clear(&frames->json);
}

static bool
is_output(const struct frames *frames)
{
	return frames->header[0] == FRAME_STDOUT ||
	       frames->header[0] == FRAME_STDERR;
}

static int
begin_payload(struct frames *frames, struct err *err)
{
	const uint8_t *h = frames->header;

	frames->left = (uint32_t)get_le(h + 4, 4);
	frames->offset = get_le(h + 8, 8);
	if (h[1] || h[2] || h[3])
		return err_set(err, ERR_PROTO, "malformed frame of output");
	if (!is_output(frames) && frames->left > FRAME_MAX_JSON)
		return err_set(err, ERR_PROTO, "frame of %u bytes",
			       frames->left);
	return 0;
}

static size_t
take_header(struct frames *frames, const uint8_t *p, size_t n)
{
	size_t part = MIN(n, FRAME_HEADER_SIZE - frames->n_header);

	memcpy(frames->header + frames->n_header, p, part);
	frames->n_header += part;
	return part;
}

/* Output goes on at once; the rest is collected until it is whole. */
static int
take_payload(struct frames *frames, const uint8_t *p, size_t part)
{
	unsigned type = frames->header[0];
	int rc = 0;

	frames->left -= (uint32_t)part;
	if (is_output(frames)) {
		rc = frames->on_frame(type, frames->offset, p, part,
				      frames->owner);
		frames->offset += part;
	} else {
		(void)buf_add(&frames->json, p, part);
		if (frames->left == 0)
			rc = frames->on_frame(type, frames->offset,
					      buf_bytes(&frames->json),
					      frames->json.len, frames->owner);
	}
	if (frames->left == 0)
		frames_reset(frames);
	return rc;
}

int
frames_feed(struct frames *frames, const void *bytes, size_t n, struct err *err)
{
	const uint8_t *p = bytes, *end = p + n;

	while (p < end) {
		size_t part;

		if (frames->n_header < FRAME_HEADER_SIZE) {
			p += take_header(frames, p, (size_t)(end - p));
			if (frames->n_header < FRAME_HEADER_SIZE)
				break;
			if (begin_payload(frames, err) < 0)
				return -1;
			if (frames->left > 0)
				continue;
		}
		part = MIN((size_t)(end - p), frames->left);
		if (take_payload(frames, p, part) < 0)
			return -1;
		p += part;
	}
	return 0;
}
