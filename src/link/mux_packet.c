/* SPDX-License-Identifier: ISC */

/*
 * Packets of an OpenSSH master; see mux_packet.h.
 *
 * Reading goes through a cursor that, once it has met its end, gives zeros and
 * stays there; whether it did is asked once, at the end of a message.  A body
 * in proxy mode begins with a padding length that is always zero.
 */

#include <assert.h>
#include <string.h>

#include "core/buf.h"
#include "link/mux_packet.h"

struct cursor {
	const uint8_t *at;
	size_t left;
	bool is_short;
};

static const uint8_t *
take_bytes(struct cursor *c, size_t n)
{
	const uint8_t *at = c->at;

	if (n > c->left) {
		c->is_short = true;
		c->left = 0;
		return NULL;
	}
	c->at += n;
	c->left -= n;
	return at;
}

static uint32_t
load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void
store_u32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

static uint8_t
take_u8(struct cursor *c)
{
	const uint8_t *p = take_bytes(c, 1);

	return p ? *p : 0;
}

static uint32_t
take_u32(struct cursor *c)
{
	const uint8_t *p = take_bytes(c, 4);

	return p ? load_u32(p) : 0;
}

static struct mux_text
take_text(struct cursor *c)
{
	uint32_t n = take_u32(c);
	const uint8_t *p = take_bytes(c, n);

	return (struct mux_text){ p ? (const char *)p : "", p ? n : 0 };
}

bool
mux_text_is(struct mux_text text, const char *word)
{
	return text.n == strlen(word) && memcmp(text.bytes, word, text.n) == 0;
}

int
mux_frame(const uint8_t *bytes, size_t n, const uint8_t **ret_body,
	  size_t *ret_n_body, size_t *ret_need)
{
	uint32_t len;

	*ret_need = 4;
	if (n < 4)
		return 0;
	len = load_u32(bytes);
	if (len > MUX_MAX_BODY)
		return -1;
	*ret_need = 4 + (size_t)len;
	if (n < *ret_need)
		return 0;
	*ret_body = bytes + 4;
	*ret_n_body = len;
	return 1;
}

int
mux_control_read(const uint8_t *body, size_t n, struct mux_control *ret,
		 struct err *err)
{
	struct cursor c = { .at = body, .left = n };
	struct mux_control m = { .type = take_u32(&c) };

	if (m.type == MUX_HELLO)
		m.value = take_u32(&c);
	else
		m.request = take_u32(&c);
	if (m.type == MUX_S_ALIVE)
		m.value = take_u32(&c);
	if (m.type == MUX_S_DENIED || m.type == MUX_S_FAILURE)
		m.reason = take_text(&c);
	if (c.is_short)
		return err_set(err, ERR_PROTO,
			       "ssh: a control message is too short");
	*ret = m;
	return 0;
}

static void
read_request(struct cursor *c, struct mux_message *m)
{
	m->text = take_text(c);
	m->wants_reply = take_u8(c) != 0;
	if (m->type != SSH_CHANNEL_REQUEST)
		return;
	if (mux_text_is(m->text, "exit-status"))
		m->status = take_u32(c);
	else if (mux_text_is(m->text, "exit-signal"))
		m->signal = take_text(c);
}

static void
read_members(struct cursor *c, struct mux_message *m)
{
	switch (m->type) {
	case SSH_CHANNEL_OPEN:
		m->text = take_text(c);
		__attribute__((fallthrough));
	case SSH_CHANNEL_OPEN_CONFIRMATION:
		m->peer = take_u32(c);
		m->window = take_u32(c);
		m->max_data = take_u32(c);
		break;
	case SSH_CHANNEL_OPEN_FAILURE:
		m->reason = take_u32(c);
		m->text = take_text(c);
		break;
	case SSH_CHANNEL_WINDOW_ADJUST:
		m->window = take_u32(c);
		break;
	case SSH_CHANNEL_EXTENDED_DATA:
		m->reason = take_u32(c);
		__attribute__((fallthrough));
	case SSH_CHANNEL_DATA:
		m->text = take_text(c);
		break;
	case SSH_CHANNEL_REQUEST:
	case SSH_GLOBAL_REQUEST:
		read_request(c, m);
		break;
	default:
		break;
	}
}

int
mux_message_read(const uint8_t *body, size_t n, struct mux_message *ret,
		 struct err *err)
{
	struct cursor c = { .at = body, .left = n };
	struct mux_message m = { .type = 0 };
	uint8_t padding = take_u8(&c);

	m.type = take_u8(&c);
	if (m.type > SSH_CHANNEL_OPEN && m.type <= SSH_CHANNEL_FAILURE)
		m.channel = take_u32(&c);
	read_members(&c, &m);
	if (c.is_short || padding != 0)
		return err_set(err, ERR_PROTO, "ssh: message %u is malformed",
			       m.type);
	*ret = m;
	return 0;
}

static size_t
frame_begin(struct buf *out)
{
	size_t begin = out->len;

	mux_add_u32(out, 0);
	return begin;
}

size_t
mux_control_begin(struct buf *out, uint32_t type)
{
	size_t begin = frame_begin(out);

	mux_add_u32(out, type);
	return begin;
}

size_t
mux_message_begin(struct buf *out, uint8_t type)
{
	size_t begin = frame_begin(out);

	mux_add_u8(out, 0);
	mux_add_u8(out, type);
	return begin;
}

void
mux_add_u8(struct buf *out, uint8_t value)
{
	int rc = buf_add(out, &value, 1);

	assert(rc == 0);
}

void
mux_add_u32(struct buf *out, uint32_t value)
{
	uint8_t bytes[4];
	int rc;

	store_u32(bytes, value);
	rc = buf_add(out, bytes, sizeof(bytes));
	assert(rc == 0);
}

void
mux_add_string(struct buf *out, const char *text)
{
	size_t n = strlen(text);
	int rc;

	mux_add_u32(out, (uint32_t)n);
	rc = buf_add(out, text, n);
	assert(rc == 0);
}

void
mux_frame_end(struct buf *out, size_t begin)
{
	store_u32(buf_bytes(out) + begin, (uint32_t)(out->len - begin - 4));
}

void
mux_data_header(uint8_t out[MUX_DATA_HEADER], uint32_t peer, size_t n)
{
	store_u32(out, (uint32_t)(MUX_DATA_HEADER - 4 + n));
	out[4] = 0;
	out[5] = SSH_CHANNEL_DATA;
	store_u32(out + 6, peer);
	store_u32(out + 10, (uint32_t)n);
}
