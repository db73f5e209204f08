/* SPDX-License-Identifier: ISC */

/*
 * HTTP/1.1 messages out of bytes; see parser.h.
 *
 * This file alone knows http_parser.  That library splits a head and says
 * whether the connection stays, but the way Debian builds it (strict checks
 * compiled out) it takes bare line feeds, folded lines, control characters and
 * a good deal more.  So each byte of a head first passes a gate of our own;
 * and after the library, the headers that delimit messages are judged once
 * more.  A head that only one of the two accepts is bad.
 *
 * Bodies are decoded here: the library would take "5\rX" for the size of a
 * chunk.
 *
 * A head is kept in one block: the array of headers, the text with its
 * separators turned into NULs, and the decoded path.
 */

#include <string.h>
#include <strings.h>

#include <http_parser.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/parse.h"

#include "http/parser.h"

#define MAX_SIZE_DIGITS 15 /* of a chunk: fits 63 bits */
#define MAX_EXTENSION 256  /* of a chunk */

enum state {
	AT_HEAD,
	AT_BYTES, /* of the body, or of a chunk */
	AT_SIZE,
	AT_EXTENSION,
	AT_SIZE_LF,
	AT_CHUNK_CR,
	AT_CHUNK_LF,
	AT_TRAILERS,
	AT_END,
	AT_BAD,
};

static void
bad(struct parser *p, unsigned status, const char *why)
{
	p->state = AT_BAD;
	p->status = status;
	p->why = why;
}

/* Go on if `ok'. */
static void
expect(struct parser *p, bool ok, enum state next, const char *why)
{
	if (ok)
		p->state = next;
	else
		bad(p, 400, why);
}

/* Pass bytes through the gate, which may end the head or find it bad. */
static size_t
pass_gate(struct parser *p, const uint8_t *bytes, size_t n)
{
	size_t used = gate_pass(&p->gate, bytes, n);

	if (p->gate.state == GATE_BAD)
		bad(p, p->gate.status, p->gate.why);
	return used;
}

/* What http_parser splits a head into. */
struct split {
	struct http_header *headers;
	size_t n, max;
	const char *target;
};

static int
on_url(http_parser *hp, const char *at, size_t n UNUSED)
{
	struct split *split = hp->data;

	split->target = at;
	return 0;
}

static int
on_header_field(http_parser *hp, const char *at, size_t n UNUSED)
{
	struct split *split = hp->data;

	if (split->n == split->max)
		return -1;
	split->headers[split->n].name = at;
	return 0;
}

static int
on_header_value(http_parser *hp, const char *at, size_t n)
{
	struct split *split = hp->data;

	split->headers[split->n++].value = n > 0 ? at : "";
	return 0;
}

static const http_parser_settings splitting = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
};

/* End the text at the first `separator', which the gate has seen. */
static char *
cut(const char *text, char separator)
{
	char *end = strchr((char *)(uintptr_t)text, separator);

	*end = '\0';
	return end;
}

static void
cut_headers(struct http_head *head)
{
	for (size_t i = 0; i < head->n_headers; i++) {
		const char *value = head->headers[i].value;
		char *end;

		cut(head->headers[i].name, ':');
		if (value[0] == '\0')
			continue;
		end = cut(value, '\r');
		while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
			*--end = '\0';
	}
}

/* Is there a "." or ".." between the slashes? */
static bool
has_dots(const char *path)
{
	for (const char *p = path; *p != '\0'; p++) {
		size_t n;

		if (*p != '/')
			continue;
		n = strcspn(p + 1, "/");
		if ((n == 1 && p[1] == '.') ||
		    (n == 2 && p[1] == '.' && p[2] == '.'))
			return true;
	}
	return false;
}

static bool
has_controls(const char *path)
{
	for (; *path != '\0'; path++) {
		if ((uint8_t)*path < ' ' || *path == 0x7f)
			return true;
	}
	return false;
}

static void
check_target(struct parser *p, char *path)
{
	struct http_head *head = &p->head;
	const char *target = head->target;
	size_t n = strcspn(target, "?");

	head->path = path;
	head->query = target[n] == '?' ? target + n + 1 : "";
	if (target[0] != '/' &&
	    !(strcmp(target, "*") == 0 && strcmp(head->method, "OPTIONS") == 0))
		bad(p, 400, "the request target is not a path");
	else if (http_decode(path, target, n, false) < 0 ||
		 http_decode(NULL, head->query, strlen(head->query), true) < 0)
		bad(p, 400, "malformed percent-encoding");
	else if (has_controls(path))
		bad(p, 400, "control character in the path");
	else if (has_dots(path))
		bad(p, 404, "no such path");
}

/* The only header of that name, or NULL; more than one is bad. */
static const char *
single(struct parser *p, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < p->head.n_headers; i++) {
		if (strcasecmp(p->head.headers[i].name, name) != 0)
			continue;
		if (value && p->state != AT_BAD)
			bad(p, 400, "repeated header");
		value = p->head.headers[i].value;
	}
	return value;
}

static void
check_host(struct parser *p)
{
	const char *host = single(p, "Host");

	if (host == NULL) {
		if (p->minor > 0)
			bad(p, 400, "no Host header");
		return;
	}
	for (; *host != '\0'; host++) {
		if (!gate_byte_is((uint8_t)*host, GATE_IN_HOST)) {
			bad(p, 400, "malformed Host header");
			return;
		}
	}
}

/* How the body is delimited; a message that leaves a choice is bad. */
static void
check_body(struct parser *p)
{
	const char *encoding = single(p, "Transfer-Encoding");
	const char *length = single(p, "Content-Length");

	p->body = BODY_NONE;
	p->left = 0;
	if (encoding && length)
		bad(p, 400, "Content-Length with Transfer-Encoding");
	else if (encoding && p->minor == 0)
		bad(p, 400, "Transfer-Encoding in HTTP/1.0");
	else if (encoding && strcasecmp(encoding, "chunked") != 0)
		bad(p, 400, "unknown Transfer-Encoding");
	else if (length && parse_u64(length, 0, INT64_MAX, &p->left,
				     &(struct err)ERR_INIT) < 0)
		bad(p, 400, "malformed Content-Length");
	else if (encoding)
		p->body = BODY_CHUNKED;
	else if (p->left > 0)
		p->body = BODY_LENGTH;
	else if (p->kind == PARSER_RESPONSE && length == NULL)
		p->body = BODY_UNTIL_END;
}

static void
check_response(struct parser *p)
{
	unsigned status = p->head.status;

	if (p->state != AT_BAD && status < 100)
		bad(p, 400, "malformed status");
	if (p->has_no_body || status < 200 || status == 204 || status == 304)
		p->body = BODY_NONE;
	if (p->body == BODY_UNTIL_END)
		p->head.keep_alive = false;
}

static void
split_failed(struct parser *p, enum http_errno code)
{
	if (code == HPE_INVALID_METHOD)
		bad(p, 501, "unknown method");
	else
		bad(p, 400, "malformed head");
}

/* The gate has passed these bytes: split and judge them. */
static void
split_head(struct parser *p, const uint8_t *bytes, size_t n)
{
	size_t max = p->gate.n_headers;
	size_t headers_size = MAX(max, (size_t)1) * sizeof(struct http_header);
	char *block = xmalloc(headers_size + 2 * (n + 1));
	char *text = block + headers_size;
	struct split split = { .headers = (struct http_header *)(void *)block,
			       .max = max };
	http_parser hp;
	size_t done;

	memcpy(text, bytes, n);
	text[n] = '\0';
	p->block = block;
	http_parser_init(&hp, p->kind == PARSER_REQUEST ? HTTP_REQUEST
							: HTTP_RESPONSE);
	hp.data = &split;
	done = http_parser_execute(&hp, &splitting, text, n);
	if (HTTP_PARSER_ERRNO(&hp) != HPE_OK || done != n || split.n != max) {
		split_failed(p, HTTP_PARSER_ERRNO(&hp));
		return;
	}

	p->minor = (unsigned char)hp.http_minor;
	p->head = (struct http_head){
		.headers = split.headers,
		.n_headers = split.n,
		.keep_alive = hp.http_minor > 0 && http_should_keep_alive(&hp),
	};
	cut_headers(&p->head);
	check_body(p);
	if (p->kind == PARSER_RESPONSE) {
		p->head.status = hp.status_code;
		check_response(p);
		return;
	}
	p->head.method = text + strspn(text, "\r\n");
	p->head.target = split.target;
	cut(p->head.method, ' ');
	cut(p->head.target, ' ');
	if (p->state != AT_BAD)
		check_host(p);
	if (p->state != AT_BAD)
		check_target(p, text + n + 1);
}

static const enum state body_start[] = {
	[BODY_NONE] = AT_END,
	[BODY_LENGTH] = AT_BYTES,
	[BODY_CHUNKED] = AT_SIZE,
	[BODY_UNTIL_END] = AT_BYTES,
};

static enum parser_event
head_next(struct parser *p, const uint8_t **bytes, size_t *n)
{
	const uint8_t *start = *bytes;
	size_t used = pass_gate(p, start, *n);
	bool is_whole = p->gate.state == GATE_DONE;

	*bytes += used;
	*n -= used;
	if (p->state == AT_BAD)
		return PARSER_BAD;
	if (used > 0 && (!is_whole || p->raw.len > 0))
		buf_add(&p->raw, start, used);
	if (!is_whole)
		return PARSER_MORE;

	if (p->raw.len > 0)
		split_head(p, buf_bytes(&p->raw), p->raw.len);
	else
		split_head(p, start, used);
	buf_fini(&p->raw);
	if (p->state == AT_BAD)
		return PARSER_BAD;
	p->is_headed = true;
	p->state = body_start[p->body];
	return PARSER_HEAD;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1f4" and what may follow it. */
static void
size_byte(struct parser *p, uint8_t c)
{
	int digit = hex_digit(c);

	if (digit >= 0) {
		p->left = p->left << 4 | (unsigned)digit;
		if (++p->n_at > MAX_SIZE_DIGITS)
			bad(p, 400, "chunk size too large");
	} else if (p->n_at == 0) {
		bad(p, 400, "malformed chunk size");
	} else if (c == '\r') {
		p->state = AT_SIZE_LF;
	} else {
		p->n_at = 0;
		expect(p, c == ';', AT_EXTENSION, "malformed chunk size");
	}
}

/* The last chunk has no bytes and is followed by trailers. */
static void
end_size(struct parser *p, uint8_t c)
{
	expect(p, c == '\n', p->left > 0 ? AT_BYTES : AT_TRAILERS,
	       "malformed chunk size");
	p->n_at = 0;
	gate_init(&p->gate, GATE_TRAILERS);
}

/* One byte of what stands between the pieces of a chunked body. */
static void
chunk_byte(struct parser *p, uint8_t c)
{
	switch (p->state) {
	case AT_SIZE:
		size_byte(p, c);
		break;
	case AT_EXTENSION:
		if (c == '\r')
			p->state = AT_SIZE_LF;
		else if (!gate_byte_is(c, GATE_IN_TEXT) ||
			 ++p->n_at > MAX_EXTENSION)
			bad(p, 400, "malformed chunk extension");
		break;
	case AT_SIZE_LF:
		end_size(p, c);
		break;
	case AT_CHUNK_CR:
		expect(p, c == '\r', AT_CHUNK_LF, "chunk longer than its size");
		break;
	case AT_CHUNK_LF:
		expect(p, c == '\n', AT_SIZE, "chunk longer than its size");
		break;
	default:
		pass_gate(p, &c, 1);
		if (p->gate.state == GATE_DONE)
			p->state = AT_END;
		break;
	}
}

/* A piece of the body that is there. */
static enum parser_event
take_data(struct parser *p, const uint8_t **bytes, size_t *n,
	  const uint8_t **ret_data, size_t *ret_n)
{
	size_t take = *n;

	if (p->body != BODY_UNTIL_END) {
		take = (size_t)MIN((uint64_t)take, p->left);
		p->left -= take;
		if (p->left == 0)
			p->state = p->body == BODY_CHUNKED ? AT_CHUNK_CR
							   : AT_END;
	}
	*ret_data = *bytes;
	*ret_n = take;
	*bytes += take;
	*n -= take;
	return PARSER_DATA;
}

enum parser_event
parser_next(struct parser *p, const uint8_t **bytes, size_t *n,
	    const uint8_t **ret_data, size_t *ret_n)
{
	if (!p->is_headed && p->state != AT_BAD)
		return head_next(p, bytes, n);
	while (*n > 0 && p->state != AT_END && p->state != AT_BAD) {
		if (p->state == AT_BYTES)
			return take_data(p, bytes, n, ret_data, ret_n);
		chunk_byte(p, **bytes);
		++*bytes;
		--*n;
	}
	if (p->state == AT_BAD)
		return PARSER_BAD;
	return p->state == AT_END ? PARSER_END : PARSER_MORE;
}

enum parser_event
parser_finish(struct parser *p)
{
	if (p->state == AT_END ||
	    (p->state == AT_BYTES && p->body == BODY_UNTIL_END)) {
		p->state = AT_END;
		return PARSER_END;
	}
	bad(p, 400,
	    p->is_headed ? "the body ended early" : "the head ended early");
	return PARSER_BAD;
}

void
parser_init(struct parser *p, enum parser_kind kind)
{
	*p = (struct parser){
		.kind = kind,
		.raw = BUF_INIT(GATE_MAX_HEAD),
	};
	gate_init(&p->gate,
		  kind == PARSER_REQUEST ? GATE_REQUEST : GATE_RESPONSE);
}

void
parser_fini(struct parser *p)
{
	buf_fini(&p->raw);
	free(p->block);
	p->block = NULL;
}

void
parser_reset(struct parser *p)
{
	parser_fini(p);
	parser_init(p, p->kind);
}

bool
parser_is_started(const struct parser *p)
{
	return p->gate.state != GATE_START || p->is_headed;
}

bool
parser_has_body(const struct parser *p)
{
	return p->is_headed && p->state != AT_END;
}

const char *
parser_reason(unsigned status)
{
	return http_status_str((enum http_status)status);
}
