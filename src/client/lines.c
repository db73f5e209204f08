/* SPDX-License-Identifier: ISC */

/* Lines in; see lines.h. */

#include <string.h>

#include "client/lines.h"

void
lines_init(struct lines *lines, line_fn *on_line, void *owner)
{
	*lines = (struct lines){ .on_line = on_line, .owner = owner };
	buf_init(&lines->part, LINES_MAX);
}

void
lines_fini(struct lines *lines)
{
	buf_fini(&lines->part);
}

void
lines_reset(struct lines *lines)
{
	buf_clear(&lines->part);
}

/* A line that lies in one piece is handed on where it lies. */
static int
end_line(struct lines *lines, const char *p, size_t n, struct err *err)
{
	int rc;

	if (lines->part.len == 0)
		return lines->on_line(p, n, lines->owner);
	if (buf_add(&lines->part, p, n) < 0)
		return err_set(err, ERR_PROTO, "line of more than %u bytes",
			       LINES_MAX);
	rc = lines->on_line(buf_text(&lines->part), lines->part.len,
			    lines->owner);
	buf_clear(&lines->part);
	return rc;
}

int
lines_feed(struct lines *lines, const void *bytes, size_t n, struct err *err)
{
	const char *p = bytes;

	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t len = end ? (size_t)(end - p) : n;

		if (end == NULL) {
			if (buf_add(&lines->part, p, n) < 0)
				return err_set(err, ERR_PROTO,
					       "line of more than %u bytes",
					       LINES_MAX);
			break;
		}
		if (end_line(lines, p, len, err) < 0)
			return -1;
		p += len + 1;
		n -= len + 1;
	}
	return 0;
}
