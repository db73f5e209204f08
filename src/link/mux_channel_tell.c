/* SPDX-License-Identifier: ISC */

/*
 * What the owner of a channel is told, and when; see mux_parts.h.
 *
 * What arrives while nobody listens (paused, or not yet told to be open) is
 * held as records in the order of arrival: bytes of a stream, the end, the
 * exit, the closing.  Bytes that follow bytes of the same stream join their
 * record, so that what is held is bounded by the window whatever the size of
 * the messages.
 */

#include <assert.h>
#include <string.h>

#include "core/mem.h"
#include "link/mux_parts.h"

#define PIECE (64u << 10) /* of what was held, at once */
#define RECORD 5	  /* a byte, its length in 4, and so many bytes */

void
mux_channel_ready(struct mux_channel *ch)
{
	if (ch->mux->state == MUX_DOWN)
		return;
	list_unlink(&ch->ready);
	list_append(&ch->mux->ready, &ch->ready);
	mux_later(ch->mux);
}

/* Both sides closed it: the number is free, and this is the last callback. */
static void
finish(struct mux_channel *ch, const struct err *err)
{
	const struct channel_events *events = ch->events;

	mux_channel_send_close(ch);
	ch->events = NULL;
	mux_channel_remove(ch);
	if (events)
		events->on_close(&ch->base, err, ch->owner);
	mux_channel_fini(ch);
}

void
mux_channel_fail_open(struct mux_channel *ch, const char *why)
{
	const struct channel_events *events = ch->events;
	struct err err = ERR_INIT;

	mux_channel_send_close(ch);
	ch->events = NULL;
	buf_clear(&ch->held);
	if (events == NULL)
		return;
	err_set(&err, ERR_DENIED, "%s", why);
	events->on_close(&ch->base, &err, ch->owner);
}

/* The name of a signal as RFC 4254 has it, or a word that says it is none. */
static const char *
signal_name(char out[32], const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool is_letter = (bytes[i] >= 'A' && bytes[i] <= 'Z') ||
				 (bytes[i] >= '0' && bytes[i] <= '9');

		if (!is_letter || i == 31)
			return "UNKNOWN";
		out[i] = (char)bytes[i];
	}
	out[n] = '\0';
	return n ? out : "UNKNOWN";
}

static void
tell_status(struct mux_channel *ch, const uint8_t *bytes, size_t n)
{
	uint32_t code;

	assert(n == sizeof(code));
	memcpy(&code, bytes, sizeof(code));
	if (ch->events->on_exit)
		ch->events->on_exit(&ch->base, (int)code, NULL, ch->owner);
}

static void
tell_signal(struct mux_channel *ch, const uint8_t *bytes, size_t n)
{
	char name[32];

	if (ch->events->on_exit)
		ch->events->on_exit(&ch->base, -1, signal_name(name, bytes, n),
				    ch->owner);
}

static void
tell(struct mux_channel *ch, uint8_t what, const uint8_t *bytes, size_t n)
{
	switch (what) {
	case HELD_OUT:
	case HELD_ERR:
		ch->in_taken += (uint32_t)n;
		ch->events->on_data(&ch->base, what, bytes, n, ch->owner);
		break;
	case HELD_EOF:
		if (ch->events->on_eof)
			ch->events->on_eof(&ch->base, ch->owner);
		break;
	case HELD_STATUS:
		tell_status(ch, bytes, n);
		break;
	case HELD_SIGNAL:
		tell_signal(ch, bytes, n);
		break;
	default:
		finish(ch, NULL);
		break;
	}
}

static void
hold(struct mux_channel *ch, uint8_t what, const void *bytes, uint32_t n)
{
	uint8_t *record;
	uint32_t whole = n;

	if (ch->held.len > 0 && what <= HELD_ERR) {
		record = buf_bytes(&ch->held) + ch->held.len - ch->n_last -
			 RECORD;
		if (record[0] == what) {
			ch->n_last += n;
			whole = (uint32_t)ch->n_last;
			memcpy(record + 1, &whole, sizeof(whole));
			(void)buf_add(&ch->held, bytes, n);
			return;
		}
	}
	(void)buf_addc(&ch->held, (char)what);
	(void)buf_add(&ch->held, &whole, sizeof(whole));
	(void)buf_add(&ch->held, bytes, n);
	ch->n_last = n;
}

static bool
is_listening(const struct mux_channel *ch)
{
	return ch->events && ch->is_open && !ch->is_paused;
}

/* Tell the first of what is held, a long record in pieces; false: the last. */
static bool
tell_held(struct mux_channel *ch)
{
	uint8_t *record = buf_bytes(&ch->held), what = record[0];
	uint32_t n, left;

	memcpy(&n, record + 1, sizeof(n));
	if (what == HELD_CLOSE) {
		finish(ch, NULL);
		return false;
	}
	if (what > HELD_ERR || n <= PIECE) {
		tell(ch, what, record + RECORD, n);
		buf_consume(&ch->held, RECORD + (size_t)n);
		return true;
	}
	tell(ch, what, record + RECORD, PIECE);
	/* The rest becomes the record, its head written over the piece. */
	left = n - PIECE;
	if (ch->held.len == RECORD + (size_t)n)
		ch->n_last = left;
	buf_consume(&ch->held, PIECE);
	record = buf_bytes(&ch->held);
	record[0] = what;
	memcpy(record + 1, &left, sizeof(left));
	return true;
}

/* False: the channel is gone, with what was held or with everything. */
static bool
tell_all_held(struct mux_channel *ch)
{
	struct mux *mux = ch->mux;

	while (is_listening(ch) && ch->held.len > 0) {
		if (!tell_held(ch) || mux->is_freed)
			return false;
	}
	return true;
}

void
mux_channel_deliver(struct mux_channel *ch)
{
	struct mux *mux = ch->mux;

	if (!tell_all_held(ch) || mux->state == MUX_DOWN)
		return;
	if (ch->events == NULL) {
		if (ch->got_close)
			finish(ch, NULL);
		return;
	}
	if (ch->is_full && ch->out.len <= MUX_LOW_WATER) {
		ch->is_full = false;
		if (ch->events->on_drain)
			ch->events->on_drain(&ch->base, ch->owner);
	}
	if (!mux->is_freed)
		mux_channel_allow_more(ch);
}

void
mux_channel_give(struct mux_channel *ch, uint8_t what, const void *bytes,
		 size_t n)
{
	struct mux *mux = ch->mux;

	if (ch->events == NULL) {
		if (what == HELD_CLOSE)
			finish(ch, NULL);
		return;
	}
	if (!is_listening(ch) || ch->held.len > 0) {
		hold(ch, what, bytes, (uint32_t)n);
		return;
	}
	tell(ch, what, bytes, n);
	if (what <= HELD_ERR && !mux->is_freed)
		mux_channel_allow_more(ch);
}

void
mux_channel_down(struct mux_channel *ch, const struct err *err)
{
	const struct channel_events *events;

	/* What had arrived before is still the owner's. */
	if (!tell_all_held(ch))
		return;
	events = ch->events;
	ch->events = NULL;
	if (events)
		events->on_close(&ch->base, err, ch->owner);
}
