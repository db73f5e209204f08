/* SPDX-License-Identifier: ISC */

/*
 * Harmless output; see filter.h.
 *
 * The text is cut into units: a character, an escape sequence, a line end of
 * two bytes.  A unit that is not complete at the end of a piece is kept back;
 * it is complete, or shown, before anything behind it.
 */

#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "berth/out/filter.h"

#define ESC 0x1b

void
filter_init(struct filter *filter, enum filter_mode mode)
{
	*filter = (struct filter){ .mode = mode };
}

/* Bytes that an UTF-8 sequence beginning so must have. */
static size_t
utf8_need(uint8_t first)
{
	if (first >= 0xf0 && first < 0xf5)
		return 4;
	if (first >= 0xe0)
		return first < 0xf0 ? 3 : 1;
	return first >= 0xc2 ? 2 : 1;
}

/* Is it a sequence cut short, rather than broken? */
static bool
is_cut(const uint8_t *p, size_t n)
{
	if (n >= utf8_need(p[0]))
		return false;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

/*
 * The length of "ESC [ parameters letter" at `p'; 0: cut short; 1: it is no
 * such sequence.
 */
static size_t
csi_length(const uint8_t *p, size_t n)
{
	size_t i = 2;

	if (n < 2)
		return 0;
	if (p[1] != '[')
		return 1;
	while (i < n && p[i] >= 0x20 && p[i] <= 0x3f)
		i++;
	if (i >= FILTER_PENDING)
		return 1;
	if (i == n)
		return 0;
	return p[i] >= 0x40 && p[i] <= 0x7e ? i + 1 : 1;
}

/* Colours and erasing in the line, with plain numbers as parameters. */
static bool
is_decoration(const uint8_t *p, size_t n)
{
	if (p[n - 1] != 'm' && p[n - 1] != 'K')
		return false;
	for (size_t i = 2; i + 1 < n; i++) {
		if (strchr("0123456789;:", p[i]) == NULL)
			return false;
	}
	return true;
}

/* The length of the unit at `p'; 0: more bytes are needed to tell. */
static size_t
unit_length(const struct filter *filter, const uint8_t *p, size_t n)
{
	uint32_t rune;
	size_t len;

	if (p[0] == '\r' && filter->mode == FILTER_SHOW)
		return n < 2 ? 0 : p[1] == '\n' ? 2 : 1;
	if (p[0] == ESC && filter->mode == FILTER_COLOUR)
		return csi_length(p, n);
	len = utf8_sequence(p, n, &rune);
	if (len > 0)
		return len;
	return is_cut(p, n) ? 0 : 1;
}

static void
add_unit(struct filter *filter, const uint8_t *p, size_t n, struct buf *out)
{
	if (n == 2 && p[0] == '\r') {
		(void)buf_addc(out, '\n');
	} else if (filter->mode == FILTER_COLOUR && n > 2 && p[0] == ESC &&
		   is_decoration(p, n)) {
		filter->has_colour |= p[n - 1] == 'm';
		(void)buf_add(out, p, n);
	} else if (filter->mode == FILTER_COLOUR && n == 1 &&
		   (p[0] == '\r' || p[0] == '\b')) {
		(void)buf_addc(out, (char)p[0]);
	} else {
		(void)vis_add(out, p, n);
	}
}

/* Plain ASCII at `p', which is most of any output. */
static size_t
plain_length(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n &&
	       ((p[i] >= 0x20 && p[i] < 0x7f) || p[i] == '\n' || p[i] == '\t'))
		i++;
	return i;
}

/* Work off units; the number of bytes that wait for more. */
static size_t
add_units(struct filter *filter, const uint8_t *p, size_t n, struct buf *out)
{
	while (n > 0) {
		size_t len = plain_length(p, n);

		if (len > 0) {
			(void)buf_add(out, p, len);
		} else {
			len = unit_length(filter, p, n);
			if (len == 0 && n < FILTER_PENDING)
				break;
			len = len ? len : 1;
			add_unit(filter, p, len, out);
		}
		p += len;
		n -= len;
	}
	return n;
}

void
filter_add(struct filter *filter, const void *bytes, size_t n, struct buf *out)
{
	const uint8_t *p = bytes;
	size_t left;

	/* Complete what was begun, byte by byte. */
	while (filter->n_pending > 0 && n > 0) {
		filter->pending[filter->n_pending++] = *p++;
		n--;
		left = add_units(filter, filter->pending, filter->n_pending,
				 out);
		memmove(filter->pending,
			filter->pending + filter->n_pending - left, left);
		filter->n_pending = left;
	}
	left = add_units(filter, p, n, out);
	if (left > 0)
		memcpy(filter->pending, p + n - left, left);
	filter->n_pending += left;
}

void
filter_end(struct filter *filter, struct buf *out)
{
	(void)vis_add(out, filter->pending, filter->n_pending);
	filter->n_pending = 0;
	if (filter->has_colour)
		(void)buf_adds(out, "\033[0m");
	filter->has_colour = false;
}
