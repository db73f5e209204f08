/* SPDX-License-Identifier: ISC */

/*
 * A string taken out of JSON; see divert.h.
 *
 * The member is recognised where a string directly inside the outermost object
 * is followed by a colon.  As values follow colons too, only a string after
 * '{' or ',' could be a name; but a value that is followed by a colon is not
 * JSON, and the rest says so in the end.
 */

#include <string.h>

#include "core/text.h"
#include "berthd/file/divert.h"

void
divert_init(struct divert *d, const char *member, size_t max)
{
	*d = (struct divert){ .member = member };
	buf_init(&d->rest, max);
}

void
divert_fini(struct divert *d)
{
	buf_fini(&d->rest);
}

static int
keep(struct divert *d, char c, struct err *err)
{
	if (buf_addc(&d->rest, c) < 0)
		return err_set(err, ERR_LIMIT, "request body is too large");
	return 0;
}

/* Is the string that was just kept the name of the member? */
static bool
is_member_name(const struct divert *d)
{
	const char *string = buf_text(&d->rest) + d->string_at;
	size_t n = strlen(d->member);

	return d->depth == 1 && d->string_len == n + 2 &&
	       memcmp(string + 1, d->member, n) == 0;
}

static void
on_text(struct divert *d, char c)
{
	if (c == '"' && d->is_member) {
		d->state = DIVERT_INSIDE;
	} else if (c == '"') {
		d->state = DIVERT_STRING;
		d->string_at = d->rest.len - 1;
	} else if (c == '{' || c == '[') {
		d->depth++;
	} else if ((c == '}' || c == ']') && d->depth > 0) {
		d->depth--;
	}
	if (strchr(" \t\r\n", c))
		return;
	d->is_member = c == ':' && is_member_name(d);
	d->string_len = 0;
}

static void
on_string(struct divert *d, char c)
{
	if (d->n_escape) {
		d->n_escape = 0;
	} else if (c == '\\') {
		d->n_escape = 1;
	} else if (c == '"') {
		d->state = DIVERT_TEXT;
		d->string_len = d->rest.len - d->string_at;
	}
}

/* The character that an escape of two characters means, or 0. */
static char
short_escape(char c)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? meanings[at - letters] : '\0';
}

/* The ASCII character of "00XX", or 0. */
static char
ascii_escape(const char digits[4])
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	unsigned n = 0;

	for (size_t i = 0; i < 4; i++) {
		const char *at = digits[i] ? strchr(hex, digits[i]) : NULL;

		if (at == NULL)
			return '\0';
		n = n << 4 | (unsigned)(at - hex) % 16;
	}
	return n < 0x80 ? (char)n : '\0';
}

/* One more character of an escape; the result goes to `out'. */
static int
on_escape(struct divert *d, char c, struct buf *out, struct err *err)
{
	char meaning;

	d->escape[d->n_escape++] = c;
	if (d->escape[1] == 'u' && d->n_escape < sizeof(d->escape))
		return 0;
	meaning = d->escape[1] == 'u' ? ascii_escape(d->escape + 2)
				      : short_escape(c);
	d->n_escape = 0;
	if (meaning == '\0')
		return err_set(err, ERR_INVALID, "invalid request body");
	(void)buf_addc(out, meaning);
	return 0;
}

/* Returns how much was used of what is inside: up to the next special one. */
static size_t
copy_plain(const char *text, size_t n, struct buf *out)
{
	size_t i = 0;

	while (i < n && text[i] != '"' && text[i] != '\\')
		i++;
	(void)buf_add(out, text, i);
	return i;
}

static int
on_inside(struct divert *d, char c, struct buf *out, struct err *err)
{
	if (d->n_escape)
		return on_escape(d, c, out, err);
	if (c == '\\') {
		d->escape[0] = c;
		d->n_escape = 1;
		return 0;
	}
	d->state = DIVERT_TEXT;
	return keep(d, c, err);
}

int
divert_add(struct divert *d, const char *text, size_t n, struct buf *out,
	   struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (d->state == DIVERT_INSIDE) {
			if (d->n_escape == 0)
				i += copy_plain(text + i, n - i, out);
			if (i < n && on_inside(d, text[i], out, err) < 0)
				return -1;
			continue;
		}
		if (keep(d, text[i], err) < 0)
			return -1;
		if (d->state == DIVERT_STRING)
			on_string(d, text[i]);
		else
			on_text(d, text[i]);
	}
	return 0;
}

bool
divert_is_inside(const struct divert *d)
{
	return d->state == DIVERT_INSIDE;
}
