/* SPDX-License-Identifier: ISC */

/*
 * WebSocket frames; see ws_frame.h.
 *
 * The reader is in one of two places: in a header, of which n_header bytes of
 * `need' are there, or in the payload (need == 0), at byte `at' of `size'.  A
 * header is judged as soon as it is complete, before any payload is taken, and
 * memory grows with what arrives, never with what is announced.
 */

#include <string.h>

#include "core/macros.h"
#include "core/text.h"

#include "http/ws_frame.h"

#define FINAL 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define SHORT 0x7f
#define SIZE_16 126
#define SIZE_64 127
#define MASK_SIZE 4
#define BASE_HEADER 2

/* A message's memory is kept for the next one up to here. */
#define KEEP_SIZE (64u << 10)

static bool
is_control(enum ws_opcode opcode)
{
	return opcode >= WS_CLOSE;
}

static void
put_big_endian(uint8_t *out, uint64_t value, size_t n)
{
	while (n-- > 0) {
		out[n] = (uint8_t)value;
		value >>= 8;
	}
}

static uint64_t
get_big_endian(const uint8_t *in, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | in[i];
	return value;
}

size_t
ws_frame_header(uint8_t out[WS_MAX_HEADER], enum ws_opcode opcode, uint64_t n,
		const uint8_t *mask)
{
	size_t len = BASE_HEADER, more = 0;

	out[0] = (uint8_t)(FINAL | opcode);
	if (n >= SIZE_16)
		more = n <= UINT16_MAX ? 2 : 8;
	out[1] = (uint8_t)(more == 0 ? n : more == 2 ? SIZE_16 : SIZE_64);
	put_big_endian(out + len, n, more);
	len += more;
	if (mask) {
		out[1] |= MASKED;
		memcpy(out + len, mask, MASK_SIZE);
		len += MASK_SIZE;
	}
	return len;
}

void
ws_frame_mask(uint8_t *out, const uint8_t *in, size_t n, const uint8_t mask[4],
	      uint64_t offset)
{
	uint8_t turned[8];
	uint64_t key, word;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(turned); k++)
		turned[k] = mask[(offset + k) % MASK_SIZE];
	memcpy(&key, turned, sizeof(key));
	for (; n - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, in + i, sizeof(word));
		word ^= key;
		memcpy(out + i, &word, sizeof(word));
	}
	for (; i < n; i++)
		out[i] = in[i] ^ turned[i % sizeof(turned)];
}

bool
ws_code_is_valid(unsigned code)
{
	return (code >= 1000 && code <= 1003) ||
	       (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

void
ws_reader_init(struct ws_reader *r, bool expects_mask, size_t max_message)
{
	*r = (struct ws_reader){
		.expects_mask = expects_mask,
		.max_message = max_message,
		.need = BASE_HEADER,
		.message = BUF_INIT(max_message),
	};
}

void
ws_reader_fini(struct ws_reader *r)
{
	buf_fini(&r->message);
}

static enum ws_event
bad(struct ws_reader *r, unsigned code, const char *why)
{
	r->code = code;
	r->why = why;
	return WS_EVENT_BAD;
}

/* The first two bytes: what they forbid, and how long the header will be. */
static enum ws_event
judge_start(struct ws_reader *r)
{
	uint8_t size = r->header[1] & SHORT;

	r->opcode = (enum ws_opcode)(r->header[0] & OPCODE);
	r->is_final = r->header[0] & FINAL;
	if (r->header[0] & RESERVED)
		return bad(r, WS_CODE_PROTOCOL, "reserved bits are set");
	if (r->opcode > WS_PONG ||
	    (r->opcode > WS_BINARY && r->opcode < WS_CLOSE))
		return bad(r, WS_CODE_PROTOCOL, "unknown opcode");
	if (!(r->header[1] & MASKED) == r->expects_mask)
		return bad(r, WS_CODE_PROTOCOL,
			   r->expects_mask ? "a frame is not masked"
					   : "a frame is masked");
	if (is_control(r->opcode) && (!r->is_final || size > WS_MAX_CONTROL))
		return bad(r, WS_CODE_PROTOCOL,
			   "a control frame is fragmented or too large");
	if (!is_control(r->opcode) &&
	    (r->opcode == WS_CONTINUATION) != (r->kind != WS_CONTINUATION))
		return bad(r, WS_CODE_PROTOCOL, "fragments out of order");

	r->need += size == SIZE_16 ? 2 : size == SIZE_64 ? 8 : 0;
	r->need += r->expects_mask ? MASK_SIZE : 0;
	return WS_EVENT_MORE;
}

/* The whole header: the size of the payload. */
static enum ws_event
judge_size(struct ws_reader *r)
{
	uint8_t size = r->header[1] & SHORT;
	size_t more = size == SIZE_16 ? 2 : size == SIZE_64 ? 8 : 0;

	r->size = more ? get_big_endian(r->header + BASE_HEADER, more) : size;
	if ((more == 2 && r->size < SIZE_16) ||
	    (more == 8 && (r->size <= UINT16_MAX || r->size > INT64_MAX)))
		return bad(r, WS_CODE_PROTOCOL, "malformed length");
	if (!is_control(r->opcode) && r->size > r->max_message - r->message.len)
		return bad(r, WS_CODE_TOO_LARGE, "the message is too large");

	memcpy(r->mask, r->header + BASE_HEADER + more, MASK_SIZE);
	if (r->opcode == WS_TEXT || r->opcode == WS_BINARY)
		r->kind = r->opcode;
	r->at = 0;
	r->need = 0;
	return WS_EVENT_MORE;
}

static enum ws_event
read_header(struct ws_reader *r, const uint8_t **bytes, size_t *n)
{
	size_t step = MIN(*n, r->need - r->n_header);

	memcpy(r->header + r->n_header, *bytes, step);
	r->n_header += step;
	*bytes += step;
	*n -= step;
	if (r->n_header < r->need)
		return WS_EVENT_MORE;
	if (r->n_header == BASE_HEADER) {
		if (judge_start(r) == WS_EVENT_BAD)
			return WS_EVENT_BAD;
		if (r->need > r->n_header)
			return WS_EVENT_MORE;
	}
	return judge_size(r);
}

static void
read_payload(struct ws_reader *r, const uint8_t **bytes, size_t *n)
{
	static const uint8_t no_mask[MASK_SIZE];
	const uint8_t *mask = r->expects_mask ? r->mask : no_mask;
	size_t step = (size_t)MIN((uint64_t)*n, r->size - r->at);
	uint8_t *room;

	if (is_control(r->opcode)) {
		room = r->control + r->at;
	} else {
		room = buf_reserve(&r->message, step);
		buf_commit(&r->message, step);
	}
	ws_frame_mask(room, *bytes, step, mask, r->at);
	r->at += step;
	*bytes += step;
	*n -= step;
}

static enum ws_event
end_close(struct ws_reader *r, const uint8_t **ret_data, size_t *ret_n)
{
	size_t n = (size_t)r->size;

	r->code = WS_CODE_NONE;
	*ret_data = r->control;
	*ret_n = 0;
	if (n == 0)
		return WS_EVENT_CLOSE;
	if (n == 1)
		return bad(r, WS_CODE_PROTOCOL, "malformed close");
	r->code = (unsigned)get_big_endian(r->control, 2);
	if (!ws_code_is_valid(r->code))
		return bad(r, WS_CODE_PROTOCOL, "invalid close code");
	if (!utf8_valid(r->control + 2, n - 2))
		return bad(r, WS_CODE_TEXT, "the close reason is not UTF-8");
	*ret_data = r->control + 2;
	*ret_n = n - 2;
	return WS_EVENT_CLOSE;
}

static enum ws_event
end_message(struct ws_reader *r, const uint8_t **ret_data, size_t *ret_n)
{
	bool is_text = r->kind == WS_TEXT;

	r->kind = WS_CONTINUATION;
	r->is_reported = true;
	*ret_data = buf_bytes(&r->message);
	*ret_n = r->message.len;
	if (is_text && !utf8_valid(*ret_data, *ret_n))
		return bad(r, WS_CODE_TEXT, "the text is not UTF-8");
	return is_text ? WS_EVENT_TEXT : WS_EVENT_BINARY;
}

/* The payload is complete. */
static enum ws_event
end_frame(struct ws_reader *r, const uint8_t **ret_data, size_t *ret_n)
{
	r->n_header = 0;
	r->need = BASE_HEADER;
	if (r->opcode == WS_CLOSE)
		return end_close(r, ret_data, ret_n);
	if (!is_control(r->opcode))
		return r->is_final ? end_message(r, ret_data, ret_n)
				   : WS_EVENT_MORE;
	*ret_data = r->control;
	*ret_n = (size_t)r->size;
	return r->opcode == WS_PING ? WS_EVENT_PING : WS_EVENT_PONG;
}

enum ws_event
ws_reader_next(struct ws_reader *r, const uint8_t **bytes, size_t *n,
	       const uint8_t **ret_data, size_t *ret_n)
{
	enum ws_event event = WS_EVENT_MORE;

	if (r->why)
		return WS_EVENT_BAD;
	if (r->is_reported) {
		r->is_reported = false;
		if (r->message.size > KEEP_SIZE)
			buf_fini(&r->message);
		buf_clear(&r->message);
	}
	while (event == WS_EVENT_MORE && *n > 0) {
		if (r->need > 0)
			event = read_header(r, bytes, n);
		if (event == WS_EVENT_MORE && r->need == 0)
			read_payload(r, bytes, n);
		if (event == WS_EVENT_MORE && r->need == 0 && r->at == r->size)
			event = end_frame(r, ret_data, ret_n);
	}
	return event;
}
