/* SPDX-License-Identifier: ISC */

/* Lines of words; see wrap.h.  Help texts are ASCII: a byte is a column. */

#include <stdbool.h>
#include <string.h>

#include "core/buf.h"
#include "cli/wrap.h"

struct line {
	struct buf *out;
	const struct wrap *wrap;
	size_t column;
	bool has_word;
};

static int
line_break(struct line *line)
{
	line->column = 0;
	line->has_word = false;
	return buf_addc(line->out, '\n');
}

static int
add_indent(struct line *line)
{
	for (; line->column < line->wrap->indent; line->column++) {
		if (buf_addc(line->out, ' ') < 0)
			return -1;
	}
	return 0;
}

static int
add_word(struct line *line, const char *word, size_t n)
{
	if (line->has_word && line->column + 1 + n > line->wrap->width &&
	    line_break(line) < 0)
		return -1;
	if (line->has_word) {
		line->column++;
		if (buf_addc(line->out, ' ') < 0)
			return -1;
	} else if (add_indent(line) < 0) {
		return -1;
	}
	line->column += n;
	line->has_word = true;
	return buf_add(line->out, word, n);
}

/* A line of the source that begins with a space, or is empty, stands alone. */
static int
add_verbatim(struct line *line, const char *text, size_t n)
{
	if (line->has_word && line_break(line) < 0)
		return -1;
	if (n > 0 && (add_indent(line) < 0 || buf_add(line->out, text, n) < 0))
		return -1;
	return line_break(line);
}

static int
add_words(struct line *line, const char *text, size_t n)
{
	while (n > 0) {
		const char *space = memchr(text, ' ', n);
		size_t len = space ? (size_t)(space - text) : n;

		if (len > 0 && add_word(line, text, len) < 0)
			return -1;
		len += space != NULL;
		text += len;
		n -= len;
	}
	return 0;
}

int
wrap_add(struct buf *out, const struct wrap *wrap, const char *text)
{
	struct line line = { .out = out, .wrap = wrap, .column = wrap->column };
	int rc;

	for (;;) {
		size_t n = strcspn(text, "\n");

		rc = n == 0 || *text == ' ' ? add_verbatim(&line, text, n)
					    : add_words(&line, text, n);
		if (rc < 0)
			return -1;
		if (text[n] == '\0')
			break;
		text += n + 1;
	}
	return line.has_word || line.column > 0 ? line_break(&line) : 0;
}
