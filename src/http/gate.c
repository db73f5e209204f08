/* SPDX-License-Identifier: ISC */

/*
 * The gate for heads; see gate.h.
 *
 * One function per kind of line takes one byte and moves the state.  Values of
 * headers, which are most of what comes, are skipped in a loop of their own.
 */

#include <string.h>

#include "core/macros.h"

#include "http/gate.h"

#define MAX_METHOD 24

static void
bad(struct gate *g, unsigned status, const char *why)
{
	g->state = GATE_BAD;
	g->status = status;
	g->why = why;
}

/* Go on if `ok'. */
static void
expect(struct gate *g, bool ok, enum gate_state next, const char *why)
{
	if (ok)
		g->state = next;
	else
		bad(g, 400, why);
}

#define TOKEN GATE_IN_TOKEN
#define TEXT GATE_IN_TEXT
#define TARGET GATE_IN_TARGET
#define HOST GATE_IN_HOST
#define GRAPHIC (TEXT | TARGET)
#define ALNUM (TOKEN | TEXT | TARGET | HOST)

static const uint8_t classes[256] = {
	['\t'] = TEXT,
	[' '] = TEXT,
	['!'] = ALNUM,
	['"'] = GRAPHIC,
	['#'] = TOKEN | TEXT,
	['$' ... '\''] = ALNUM,
	['(' ... ')'] = GRAPHIC | HOST,
	['*' ... '+'] = ALNUM,
	[','] = GRAPHIC,
	['-' ... '.'] = ALNUM,
	['/'] = GRAPHIC,
	['0' ... '9'] = ALNUM,
	[':' ... ';'] = GRAPHIC | HOST,
	['<'] = GRAPHIC,
	['='] = GRAPHIC | HOST,
	['>' ... '@'] = GRAPHIC,
	['A' ... 'Z'] = ALNUM,
	['['] = GRAPHIC | HOST,
	['\\'] = GRAPHIC,
	[']'] = GRAPHIC | HOST,
	['^'] = TOKEN | GRAPHIC,
	['_'] = ALNUM,
	['`'] = TOKEN | GRAPHIC,
	['a' ... 'z'] = ALNUM,
	['{'] = GRAPHIC,
	['|'] = TOKEN | GRAPHIC,
	['}'] = GRAPHIC,
	['~'] = ALNUM,
	[0x80 ... 0xff] = TEXT,
};

bool
gate_byte_is(uint8_t byte, enum gate_class class)
{
	return classes[byte] & class;
}

static void
version_byte(struct gate *g, uint8_t c)
{
	static const char version[] = "HTTP/?.?";
	size_t i = g->n_part - 1;

	if (i == sizeof(version) - 1)
		expect(g, c == '\r', GATE_LINE_LF, "malformed HTTP version");
	else if (version[i] != '?')
		expect(g, c == (uint8_t)version[i], GATE_VERSION,
		       "malformed HTTP version");
	else if (c < '0' || c > '9')
		bad(g, 400, "malformed HTTP version");
	else if (version[i - 1] == '/' ? c != '1' : c > '1')
		bad(g, 505, "this HTTP version is not supported");
}

/* "GET /path HTTP/1.1" */
static void
request_byte(struct gate *g, uint8_t c)
{
	g->n_part++;
	switch (g->state) {
	case GATE_METHOD:
		if (c == ' ' && g->n_part > 1) {
			g->state = GATE_TARGET;
			g->n_part = 0;
		} else if (!(classes[c] & TOKEN) || g->n_part > MAX_METHOD) {
			bad(g, 400, "malformed method");
		}
		break;
	case GATE_TARGET:
		if (c == ' ' && g->n_part > 1) {
			g->state = GATE_VERSION;
			g->n_part = 0;
		} else if (!(classes[c] & TARGET)) {
			bad(g, 400, "malformed request target");
		} else if (g->n_part > GATE_MAX_TARGET) {
			bad(g, 414, "the request target is too long");
		}
		break;
	default:
		version_byte(g, c);
		break;
	}
}

/* "HTTP/1.1 200 OK" */
static void
response_byte(struct gate *g, uint8_t c)
{
	static const char protocol[] = "HTTP/1.";

	g->n_part++;
	switch (g->state) {
	case GATE_PROTOCOL:
		if (g->n_part < sizeof(protocol))
			expect(g, c == (uint8_t)protocol[g->n_part - 1],
			       GATE_PROTOCOL, "not an HTTP/1 answer");
		else if (g->n_part == sizeof(protocol))
			expect(g, c == '0' || c == '1', GATE_PROTOCOL,
			       "not an HTTP/1 answer");
		else
			expect(g, c == ' ', GATE_CODE, "malformed status line");
		if (g->state == GATE_CODE)
			g->n_part = 0;
		break;
	case GATE_CODE:
		if (g->n_part <= 3)
			expect(g, c >= '0' && c <= '9', GATE_CODE,
			       "malformed status");
		else if (c == '\r')
			g->state = GATE_LINE_LF;
		else
			expect(g, c == ' ', GATE_REASON, "malformed status");
		break;
	default:
		if (c == '\r')
			g->state = GATE_LINE_LF;
		else if (!(classes[c] & TEXT))
			bad(g, 400, "control character in the status line");
		break;
	}
}

static void
name_first(struct gate *g, uint8_t c)
{
	if (c == '\r')
		g->state = GATE_LAST_LF;
	else if (c == ' ' || c == '\t')
		bad(g, 400, "folded header line");
	else if (!(classes[c] & TOKEN))
		bad(g, 400, "malformed header name");
	else if (++g->n_headers > GATE_MAX_HEADERS)
		bad(g, 431, "too many headers");
	else
		g->state = GATE_NAME;
}

static void
header_byte(struct gate *g, uint8_t c)
{
	switch (g->state) {
	case GATE_NAME_FIRST:
		name_first(g, c);
		break;
	case GATE_NAME:
		if (c == ':')
			g->state = GATE_VALUE;
		else if (!(classes[c] & TOKEN))
			bad(g, 400, "malformed header name");
		break;
	case GATE_VALUE:
		if (c == '\r')
			g->state = GATE_VALUE_LF;
		else if (!(classes[c] & TEXT))
			bad(g, 400, "control character in a header");
		break;
	case GATE_VALUE_LF:
		expect(g, c == '\n', GATE_NAME_FIRST, "bare CR in a header");
		break;
	default:
		expect(g, c == '\n', GATE_DONE, "bare CR in the head");
		break;
	}
}

static void
first_byte(struct gate *g, uint8_t c)
{
	if (g->kind == GATE_RESPONSE) {
		g->state = GATE_PROTOCOL;
		response_byte(g, c);
	} else if (c == '\r' && !g->is_empty_before) {
		g->state = GATE_START_LF;
	} else {
		g->state = GATE_METHOD;
		request_byte(g, c);
	}
}

static void
line_byte(struct gate *g, uint8_t c)
{
	switch (g->state) {
	case GATE_START:
		first_byte(g, c);
		break;
	case GATE_START_LF:
		g->is_empty_before = true;
		expect(g, c == '\n', GATE_START, "bare CR before the head");
		break;
	case GATE_METHOD:
	case GATE_TARGET:
	case GATE_VERSION:
		request_byte(g, c);
		break;
	case GATE_PROTOCOL:
	case GATE_CODE:
	case GATE_REASON:
		response_byte(g, c);
		break;
	case GATE_LINE_LF:
		expect(g, c == '\n', GATE_NAME_FIRST, "bare CR in the head");
		break;
	default:
		header_byte(g, c);
		break;
	}
}

size_t
gate_pass(struct gate *g, const uint8_t *bytes, size_t n)
{
	size_t max = g->kind == GATE_TRAILERS ? GATE_MAX_TRAILERS
					      : GATE_MAX_HEAD;
	size_t room = max - g->n_bytes;
	size_t i = 0;

	while (i < n && i < room && g->state < GATE_DONE) {
		uint8_t c = bytes[i++];

		if (g->state != GATE_VALUE || !(classes[c] & TEXT))
			line_byte(g, c);
	}
	g->n_bytes += (unsigned)i;
	if (g->n_bytes == max && g->state < GATE_DONE)
		bad(g, 431, "the head is too large");
	return i;
}

void
gate_init(struct gate *g, enum gate_kind kind)
{
	*g = (struct gate){
		.kind = kind,
		.state = kind == GATE_TRAILERS ? GATE_NAME_FIRST : GATE_START,
	};
}
