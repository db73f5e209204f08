/* SPDX-License-Identifier: ISC */

/*
 * base64 in pieces; see base64in.h.
 *
 * Four characters are three bytes, so up to three characters wait for the next
 * piece.  Padding in one piece would hide in the middle of the whole: after it,
 * nothing is accepted.
 */

#include "core/text.h"
#include "berthd/file/base64in.h"

void
base64_in_init(struct base64_in *in, size_t max_piece)
{
	*in = (struct base64_in){ .is_padded = false };
	buf_init(&in->text, max_piece + 3);
}

void
base64_in_fini(struct base64_in *in)
{
	buf_fini(&in->text);
}

static int
add_without_line_ends(struct buf *out, const char *text, size_t n)
{
	while (n > 0) {
		size_t plain = 0;

		while (plain < n && text[plain] != '\n' && text[plain] != '\r')
			plain++;
		if (buf_add(out, text, plain) < 0)
			return -1;
		plain += plain < n;
		text += plain;
		n -= plain;
	}
	return 0;
}

int
base64_in_add(struct base64_in *in, const char *text, size_t n, struct buf *out)
{
	size_t whole;

	if (add_without_line_ends(&in->text, text, n) < 0)
		return -1;
	whole = in->text.len & ~(size_t)3;
	if (whole == 0)
		return in->is_padded && in->text.len > 0 ? -1 : 0;
	if (in->is_padded || base64_decode(out, buf_text(&in->text), whole) < 0)
		return -1;
	in->is_padded = buf_text(&in->text)[whole - 1] == '=';
	buf_consume(&in->text, whole);
	return in->is_padded && in->text.len > 0 ? -1 : 0;
}

bool
base64_in_is_complete(const struct base64_in *in)
{
	return in->text.len == 0;
}
