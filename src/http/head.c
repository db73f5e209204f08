/* SPDX-License-Identifier: ISC */

/* Heads and their queries; see head.h.  The parser has checked the escapes. */

#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"

#include "http/head.h"

const char *
http_head_find(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->n_headers; i++) {
		if (strcasecmp(head->headers[i].name, name) == 0)
			return head->headers[i].value;
	}
	return NULL;
}

static bool
list_has(const char *list, const char *token)
{
	size_t n = strlen(token);

	for (;;) {
		list += strspn(list, " \t,");
		if (*list == '\0')
			return false;
		if (strncasecmp(list, token, n) == 0 && strchr(" \t,", list[n]))
			return true;
		list += strcspn(list, ",");
	}
}

bool
http_head_has_token(const struct http_head *head, const char *name,
		    const char *token)
{
	for (size_t i = 0; i < head->n_headers; i++) {
		if (strcasecmp(head->headers[i].name, name) == 0 &&
		    list_has(head->headers[i].value, token))
			return true;
	}
	return false;
}

static char *
decoded(const char *text, size_t n)
{
	char *out = xmalloc(n + 1);

	out[0] = '\0';
	(void)http_decode(out, text, n, true);
	return out;
}

/*
 * The parameter at `*rest', which moves on; false after the last one.  Name and
 * value are the caller's; those of the parameter before are released.
 */
static bool
next_parameter(const char **rest, char **name, char **value)
{
	const char *start = *rest;
	size_t n = strcspn(start, "&");
	size_t n_name = strcspn(start, "=&");

	free(TAKE(*name));
	free(TAKE(*value));
	if (*start == '\0')
		return false;
	*rest = start[n] == '&' ? start + n + 1 : start + n;
	*name = decoded(start, n_name);
	*value = n_name < n ? decoded(start + n_name + 1, n - n_name - 1)
			    : xstrdup("");
	return true;
}

char *
http_head_query(const struct http_head *head, const char *name)
{
	AUTO_FREE char *found = NULL, *value = NULL;
	const char *rest = head->query;

	while (next_parameter(&rest, &found, &value)) {
		if (str_eq(found, name))
			return TAKE(value);
	}
	return NULL;
}

static bool
is_known(const char *name, const char *const *known)
{
	for (; *known; known++) {
		if (str_eq(*known, name))
			return true;
	}
	return false;
}

char *
http_head_unknown_query(const struct http_head *head, const char *const *known)
{
	AUTO_FREE char *found = NULL, *value = NULL;
	const char *rest = head->query;

	while (next_parameter(&rest, &found, &value)) {
		/* "a&&b" has a nameless parameter, which asks for nothing. */
		if (found[0] == '\0' && value[0] == '\0')
			continue;
		if (!is_known(found, known))
			return TAKE(found);
	}
	return NULL;
}

static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c));
}

int
http_encode(struct buf *out, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		char escape[3] = { '%', digits[c >> 4], digits[c & 15] };
		int rc = is_unreserved(*text) ? buf_addc(out, *text)
					      : buf_add(out, escape, 3);

		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
http_decode(char *out, const char *text, size_t n, bool plus)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < n ? hex_value(text[i + 1]) : -1;
			int low = high >= 0 ? hex_value(text[i + 2]) : -1;

			if (low < 0)
				return -1;
			c = (unsigned char)(high << 4 | low);
			if (c == '\0')
				return -1;
			i += 2;
		}
		if (out)
			*out++ = (char)c;
	}
	if (out)
		*out = '\0';
	return 0;
}
