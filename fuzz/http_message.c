/* SPDX-License-Identifier: ISC */

/* What a parser makes of bytes; see http_message.h. */

#include <assert.h>
#include <string.h>

#include "core/macros.h"
#include "core/text.h"

#include "fuzz/http_message.h"

static void
log_text(struct buf *log, const char *text)
{
	buf_adds(log, text ? text : "(none)");
	buf_addc(log, '\n');
}

/* Whatever passed the parser must be safe to look at. */
static void
log_head(struct buf *log, const struct parser *p)
{
	static const char *const known[] = { "a", "full", NULL };
	const struct http_head *head = &p->head;
	AUTO_FREE char *value = NULL, *unknown = NULL;

	assert(head->n_headers <= GATE_MAX_HEADERS);
	for (size_t i = 0; i < head->n_headers; i++) {
		log_text(log, head->headers[i].name);
		log_text(log, head->headers[i].value);
		assert(head->headers[i].name[0] != '\0');
		assert(!strpbrk(head->headers[i].value, "\r\n"));
	}
	buf_addf(log, "%u %d %d\n", head->status, head->keep_alive, p->body);
	(void)http_head_has_token(head, "Connection", "upgrade");
	if (p->kind == PARSER_RESPONSE)
		return;
	log_text(log, head->method);
	log_text(log, head->target);
	log_text(log, head->path);
	log_text(log, head->query);
	assert(!strstr(head->path, "/../") && !str_ends(head->path, "/.."));
	assert(http_head_find(head, "Host") || p->minor == 0);
	value = http_head_query(head, "a");
	unknown = http_head_unknown_query(head, known);
	log_text(log, value);
	log_text(log, unknown);
}

/* One event; false when the bytes are used up or bad. */
static bool
log_event(struct buf *log, struct parser *p, const uint8_t **bytes, size_t *n)
{
	const uint8_t *data = NULL;
	size_t n_data = 0;

	switch (parser_next(p, bytes, n, &data, &n_data)) {
	case PARSER_HEAD:
		log_head(log, p);
		return true;
	case PARSER_DATA:
		assert(n_data > 0);
		buf_add(log, data, n_data);
		return true;
	case PARSER_END:
		buf_adds(log, "end\n");
		return true;
	case PARSER_BAD:
		assert(p->why && p->status >= 400 && p->status < 600);
		buf_addf(log, "bad %u %s\n", p->status, p->why);
		return false;
	default:
		assert(*n == 0);
		return false;
	}
}

void
http_message_read(enum parser_kind kind, bool no_body, const uint8_t *bytes,
		  size_t n, size_t step, struct buf *log)
{
	struct parser p;
	bool is_bad = false;

	parser_init(&p, kind);
	p.has_no_body = no_body;
	while (n > 0 && !is_bad) {
		size_t piece = MIN(n, step);

		n -= piece;
		while (log_event(log, &p, &bytes, &piece)) {
			if (!p.is_headed || parser_has_body(&p))
				continue;
			parser_reset(&p);
			p.has_no_body = no_body;
		}
		is_bad = p.why != NULL;
		assert(is_bad || piece == 0);
	}
	if (!is_bad)
		buf_addf(log, "finish %d\n", parser_finish(&p));
	parser_fini(&p);
}

void
http_message_compare(const struct buf *one, const struct buf *other)
{
	assert(one->len == other->len);
	assert(memcmp(buf_bytes(one), buf_bytes(other), one->len) == 0);
}
