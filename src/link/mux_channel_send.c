/* SPDX-License-Identifier: ISC */

/*
 * What a channel of an OpenSSH master sends, and how much; see mux_parts.h.
 *
 * Invariants: in `sending' implies bytes in `out' and room for them; nothing is
 * sent before the channel takes bytes, or after its end or its closing.
 */

#include <sys/uio.h>

#include "core/mem.h"
#include "http/stream.h"
#include "link/mux_parts.h"

#define HIGH_WATER (256u << 10) /* mux_write says stop */
#define TURN (128u << 10)	/* sent before the next channel has its turn */

size_t
mux_channel_begin(struct mux_channel *ch, uint8_t type)
{
	size_t at = mux_message_begin(&ch->mux->out, type);

	mux_add_u32(&ch->mux->out, ch->peer);
	return at;
}

void
mux_channel_end(struct mux_channel *ch, size_t at)
{
	mux_frame_end(&ch->mux->out, at);
	mux_send(ch->mux);
}

void
mux_channel_send_bare(struct mux_channel *ch, uint8_t type)
{
	mux_channel_end(ch, mux_channel_begin(ch, type));
}

size_t
mux_channel_begin_request(struct mux_channel *ch, const char *name,
			  char awaited)
{
	size_t at = mux_channel_begin(ch, SSH_CHANNEL_REQUEST);

	mux_add_string(&ch->mux->out, name);
	mux_add_u8(&ch->mux->out, awaited != 0);
	if (awaited)
		(void)buf_addc(&ch->awaited, awaited);
	return at;
}

void
mux_channel_send_close(struct mux_channel *ch)
{
	if (ch->sent_close)
		return;
	ch->sent_close = true;
	list_unlink(&ch->living);
	list_unlink(&ch->sending);
	mux_channel_send_bare(ch, SSH_CHANNEL_CLOSE);
}

/* As much as there is room for, at most `max'; how much it was. */
static size_t
send_some(struct mux_channel *ch, const uint8_t *bytes, size_t n, size_t max)
{
	size_t sent = 0;
	bool is_full = stream_is_full(ch->mux->stream);

	n = MIN(MIN(n, max), ch->out_room);
	while (sent < n && !is_full) {
		size_t part = MIN(n - sent, ch->out_max);
		uint8_t header[MUX_DATA_HEADER];
		const struct iovec pieces[] = {
			{ header, sizeof(header) },
			{ (void *)(uintptr_t)(bytes + sent), part },
		};

		mux_data_header(header, ch->peer, part);
		is_full = stream_writev(ch->mux->stream, pieces, 2, false);
		ch->out_room -= (uint32_t)part;
		ch->sent_data = true;
		sent += part;
	}
	return sent;
}

static bool
may_send(const struct mux_channel *ch)
{
	return ch->is_started && !ch->sent_close && !ch->sent_eof &&
	       ch->mux->state == MUX_OPEN;
}

void
mux_channel_flush(struct mux_channel *ch)
{
	list_unlink(&ch->sending);
	if (!may_send(ch))
		return;
	buf_consume(&ch->out,
		    send_some(ch, buf_bytes(&ch->out), ch->out.len, TURN));
	if (ch->out.len > 0 && ch->out_room > 0)
		list_append(&ch->mux->sending, &ch->sending);
	if (ch->out.len == 0 && ch->has_ended) {
		ch->sent_eof = true;
		mux_channel_send_bare(ch, SSH_CHANNEL_EOF);
	}
	if (ch->is_full && ch->out.len <= MUX_LOW_WATER)
		mux_channel_ready(ch);
}

void
mux_channel_allow_more(struct mux_channel *ch)
{
	size_t at;

	if (ch->is_paused || ch->in_taken < MUX_WINDOW / 8 || ch->sent_close ||
	    ch->got_eof || ch->got_close || ch->events == NULL ||
	    ch->mux->state != MUX_OPEN)
		return;
	at = mux_channel_begin(ch, SSH_CHANNEL_WINDOW_ADJUST);
	mux_add_u32(&ch->mux->out, ch->in_taken);
	mux_channel_end(ch, at);
	ch->in_room += ch->in_taken;
	ch->in_taken = 0;
}

bool
mux_write(struct channel *channel, const void *bytes, size_t n)
{
	struct mux_channel *ch = mux_channel_of(channel);
	size_t sent = 0;

	if (ch->mux->state != MUX_OPEN || ch->has_ended)
		return false;
	if (ch->out.len == 0 && may_send(ch))
		sent = send_some(ch, bytes, n, SIZE_MAX);
	if (sent < n) {
		(void)buf_add(&ch->out, (const uint8_t *)bytes + sent,
			      n - sent);
		if (may_send(ch) && ch->out_room > 0 &&
		    list_is_empty(&ch->sending))
			list_append(&ch->mux->sending, &ch->sending);
	}
	if (ch->out.len >= HIGH_WATER)
		ch->is_full = true;
	return ch->is_full;
}

void
mux_write_end(struct channel *channel)
{
	struct mux_channel *ch = mux_channel_of(channel);

	if (ch->has_ended || ch->mux->state != MUX_OPEN)
		return;
	ch->has_ended = true;
	if (ch->out.len == 0)
		mux_channel_flush(ch);
}
