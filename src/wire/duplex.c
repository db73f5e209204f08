/* SPDX-License-Identifier: ISC */

/* Frames in both directions; see duplex.h. */

#include <string.h>

#include "wire/duplex.h"

void
duplex_init(struct duplex *duplex, duplex_fn *on_frame, void *owner)
{
	*duplex = (struct duplex){ .on_frame = on_frame, .owner = owner };
	buf_init(&duplex->json, DUPLEX_MAX_JSON);
}

void
duplex_fini(struct duplex *duplex)
{
	buf_fini(&duplex->json);
}

static bool
is_bytes(unsigned type)
{
	return type <= DUPLEX_STDERR;
}

static uint32_t
read_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

/* Take what is there of the header; false: not all of it came. */
static bool
take_header(struct duplex *d, const uint8_t **at, const uint8_t *end)
{
	size_t n = MIN(sizeof(d->header) - d->n_header, (size_t)(end - *at));

	memcpy(d->header + d->n_header, *at, n);
	d->n_header += n;
	*at += n;
	if (d->n_header < sizeof(d->header))
		return false;
	d->left = read_u32(d->header + 4);
	return true;
}

static int
check_header(const struct duplex *d, struct err *err)
{
	if (d->header[1] || d->header[2] || d->header[3])
		return err_set(err, ERR_PROTO, "malformed frame");
	if (!is_bytes(d->header[0]) && d->left > DUPLEX_MAX_JSON)
		return err_set(err, ERR_PROTO, "a frame of %u bytes", d->left);
	return 0;
}

/* One piece of payload, or the whole of an empty frame. */
static int
take_payload(struct duplex *d, const uint8_t **at, const uint8_t *end)
{
	unsigned type = d->header[0];
	size_t n = MIN(d->left, (size_t)(end - *at));
	const uint8_t *piece = *at;
	int rc = 0;

	*at += n;
	d->left -= (uint32_t)n;
	if (d->left == 0)
		d->n_header = 0;
	if (is_bytes(type))
		return d->on_frame(type, piece, n, d->owner);
	(void)buf_add(&d->json, piece, n);
	if (d->left == 0) {
		rc = d->on_frame(type, buf_bytes(&d->json), d->json.len,
				 d->owner);
		if (rc >= 0)
			buf_clear(&d->json);
	}
	return rc;
}

int
duplex_feed(struct duplex *d, const void *bytes, size_t n, struct err *err)
{
	const uint8_t *at = bytes, *end = at + n;

	while (at < end) {
		bool had_header = d->n_header == sizeof(d->header);

		if (!had_header && !take_header(d, &at, end))
			return 0;
		if (!had_header && check_header(d, err) < 0)
			return -1;
		if (d->left > 0 && at == end)
			return 0;
		if (take_payload(d, &at, end) < 0)
			return -1;
	}
	return 0;
}

void
duplex_header(uint8_t out[DUPLEX_HEADER_SIZE], unsigned type, uint32_t n)
{
	memset(out, 0, DUPLEX_HEADER_SIZE);
	out[0] = (uint8_t)type;
	for (int i = 0; i < 4; i++)
		out[4 + i] = (uint8_t)(n >> (8 * i));
}
