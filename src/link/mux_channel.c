/* SPDX-License-Identifier: ISC */

/*
 * One channel of an OpenSSH master; see mux.h and mux_parts.h.
 *
 * What arrives while nobody listens (paused, or not yet told to be open) is
 * held as records in the order of arrival: bytes of a stream, the end, the
 * exit, the closing.  Bytes that follow bytes of the same stream join their
 * record, so that what is held is bounded by the window whatever the size of
 * the messages.
 *
 * A channel that its owner closed lives on without owner until the other side
 * has closed it too: only then is its number free.
 *
 * Invariants: is_open implies is_started, that implies is_confirmed, and so
 * does sent_close; in `sending' implies bytes in `out' and room for them.
 */

#include <assert.h>
#include <string.h>
#include <sys/uio.h>

#include "core/mem.h"
#include "core/text.h"
#include "http/stream.h"
#include "link/mux_parts.h"

/*
 * Beyond what the owner took; 4 MiB fill 320 Mbit/s at 100 ms.  New room is
 * given in eighths, which the other side cannot notice.
 */
#define WINDOW (4u << 20)
#define MAX_DATA (32u << 10) /* in one message to us */
#define MAX_OUT (64u << 10)  /* in one message of ours */

#define HIGH_WATER (256u << 10) /* mux_write says stop */
#define LOW_WATER (64u << 10)
#define TURN (128u << 10) /* sent before the next channel has its turn */
#define PIECE (64u << 10) /* of what was held, at once */
#define MAX_WHAT (64u << 10)

/* Replies that are awaited. */
enum { AWAIT_TTY = 't', AWAIT_START = 's', AWAIT_LIFE = 'l' };

/* Records of what is held: a byte, its length in 4, and so many bytes. */
enum {
	HELD_OUT = 1,
	HELD_ERR = 2,
	HELD_EOF,
	HELD_STATUS,
	HELD_SIGNAL,
	HELD_CLOSE
};
#define RECORD 5

void
mux_channel_fini(struct mux_channel *ch)
{
	list_unlink(&ch->ready);
	list_unlink(&ch->sending);
	list_unlink(&ch->living);
	buf_fini(&ch->out);
	buf_fini(&ch->held);
	buf_fini(&ch->awaited);
	free(ch->what);
	free(ch->term);
	free(ch);
}

static struct mux_channel *
channel_of(struct channel *base)
{
	return container_of(base, struct mux_channel, base);
}

static void
make_ready(struct mux_channel *ch)
{
	if (ch->mux->state == MUX_DOWN)
		return;
	list_unlink(&ch->ready);
	list_append(&ch->mux->ready, &ch->ready);
	mux_later(ch->mux);
}

/* --- sending ---------------------------------------------------------------
 */

/* A message about this channel; its members and mux_frame_end follow. */
static size_t
begin(struct mux_channel *ch, uint8_t type)
{
	size_t at = mux_message_begin(&ch->mux->out, type);

	mux_add_u32(&ch->mux->out, ch->peer);
	return at;
}

static void
end(struct mux_channel *ch, size_t at)
{
	mux_frame_end(&ch->mux->out, at);
	mux_send(ch->mux);
}

static void
send_bare(struct mux_channel *ch, uint8_t type)
{
	end(ch, begin(ch, type));
}

static size_t
begin_request(struct mux_channel *ch, const char *name, char awaited)
{
	size_t at = begin(ch, SSH_CHANNEL_REQUEST);

	mux_add_string(&ch->mux->out, name);
	mux_add_u8(&ch->mux->out, awaited != 0);
	if (awaited)
		(void)buf_addc(&ch->awaited, awaited);
	return at;
}

static void
send_close(struct mux_channel *ch)
{
	if (ch->sent_close)
		return;
	ch->sent_close = true;
	list_unlink(&ch->living);
	list_unlink(&ch->sending);
	send_bare(ch, SSH_CHANNEL_CLOSE);
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

/* Give what waits its turn; join or leave those who want one. */
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
		send_bare(ch, SSH_CHANNEL_EOF);
	}
	if (ch->is_full && ch->out.len <= LOW_WATER)
		make_ready(ch);
}

/* Let the other side send more, once it is worth a message. */
static void
allow_more(struct mux_channel *ch)
{
	size_t at;

	if (ch->is_paused || ch->in_taken < WINDOW / 8 || ch->sent_close ||
	    ch->got_eof || ch->got_close || ch->events == NULL ||
	    ch->mux->state != MUX_OPEN)
		return;
	at = begin(ch, SSH_CHANNEL_WINDOW_ADJUST);
	mux_add_u32(&ch->mux->out, ch->in_taken);
	end(ch, at);
	ch->in_room += ch->in_taken;
	ch->in_taken = 0;
}

/* --- telling the owner -----------------------------------------------------
 */

/* Both sides closed it: the number is free, and this is the last callback. */
static void
finish(struct mux_channel *ch, const struct err *err)
{
	const struct channel_events *events = ch->events;

	send_close(ch);
	ch->events = NULL;
	mux_channel_remove(ch);
	if (events)
		events->on_close(&ch->base, err, ch->owner);
	mux_channel_fini(ch);
}

/* It never became what was asked for; the other side still has to close. */
static void
fail_open(struct mux_channel *ch, const char *why)
{
	const struct channel_events *events = ch->events;
	struct err err = ERR_INIT;

	send_close(ch);
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

/* From the loop: everything the owner is owed. */
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
	if (ch->is_full && ch->out.len <= LOW_WATER) {
		ch->is_full = false;
		if (ch->events->on_drain)
			ch->events->on_drain(&ch->base, ch->owner);
	}
	if (!mux->is_freed)
		allow_more(ch);
}

/* Now if somebody listens, later otherwise, never if nobody wants it. */
static void
give(struct mux_channel *ch, uint8_t what, const void *bytes, size_t n)
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
		allow_more(ch);
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

/* --- opening ---------------------------------------------------------------
 */

static void
ask_start(struct mux_channel *ch)
{
	bool is_command = ch->kind == CHANNEL_COMMAND;
	size_t at;

	/* No command is a login shell. */
	if (is_command && ch->what[0] == '\0') {
		at = begin_request(ch, "shell", AWAIT_START);
	} else {
		at = begin_request(ch, is_command ? "exec" : "subsystem",
				   AWAIT_START);
		mux_add_string(&ch->mux->out, ch->what);
	}
	end(ch, at);
	/* What is read by it may follow at once: requests keep their order. */
	ch->is_started = true;
	mux_channel_flush(ch);
}

static void
ask_tty(struct mux_channel *ch)
{
	size_t at = begin_request(ch, "pty-req", AWAIT_TTY);

	mux_add_string(&ch->mux->out, ch->term);
	mux_add_u32(&ch->mux->out, ch->cols);
	mux_add_u32(&ch->mux->out, ch->rows);
	mux_add_u32(&ch->mux->out, 0); /* in pixels: not known */
	mux_add_u32(&ch->mux->out, 0);
	mux_add_string(&ch->mux->out, ""); /* modes: as the machine likes */
	end(ch, at);
}

static void
become_open(struct mux_channel *ch)
{
	struct mux *mux = ch->mux;

	ch->is_open = ch->is_started = true;
	mux_channel_flush(ch);
	ch->events->on_open(&ch->base, ch->owner);
	if (!mux->is_freed && ch->held.len > 0)
		make_ready(ch);
}

static void
on_confirmation(struct mux_channel *ch, const struct mux_message *m)
{
	if (ch->is_confirmed || m->max_data == 0) {
		mux_violated(ch->mux, "a channel is confirmed wrongly");
		return;
	}
	ch->is_confirmed = true;
	ch->peer = m->peer;
	ch->out_room = m->window;
	ch->out_max = MIN(m->max_data, MAX_OUT);
	if (ch->events == NULL) {
		send_close(ch);
		if (ch->mux->ping.channel == ch)
			mux_pong(ch->mux);
		return;
	}
	list_append(&ch->mux->living, &ch->living);
	if (ch->term)
		ask_tty(ch);
	else if (ch->what)
		ask_start(ch);
	else
		become_open(ch);
}

static const char *
reason_text(uint32_t reason)
{
	static const char *const texts[] = {
		[1] = "it is forbidden there",
		[2] = "nothing answers there, or it is forbidden",
		[3] = "the machine does not know this kind of channel",
		[4] = "the machine has no room for another channel",
	};

	return reason > 0 && reason < ARRAY_SIZE(texts)
		   ? texts[reason]
		   : "without a known reason";
}

static void
on_refused(struct mux_channel *ch, const struct mux_message *m)
{
	const struct channel_events *events = ch->events;
	struct mux *mux = ch->mux;
	struct err err = ERR_INIT;
	bool is_pong = mux->ping.channel == ch;
	char words[200], shown[200];

	if (ch->is_confirmed) {
		mux_violated(mux, "an open channel is refused");
		return;
	}
	snprintf(words, sizeof(words), "%.*s", (int)MIN(m->text.n, 199),
		 m->text.bytes);
	err_set(&err, ERR_DENIED, "the machine refused a channel: %s (%s)",
		reason_text(m->reason), vis(shown, sizeof(shown), words));
	if (is_pong)
		mux_pong(mux);
	ch->events = NULL;
	mux_channel_remove(ch);
	if (events && !mux->is_freed)
		events->on_close(&ch->base, &err, ch->owner);
	mux_channel_fini(ch);
}

static void
on_reply(struct mux_channel *ch, bool is_success)
{
	struct mux *mux = ch->mux;
	uint8_t awaited;

	if (ch->awaited.len == 0) {
		mux_violated(mux, "a reply to no request");
		return;
	}
	awaited = buf_bytes(&ch->awaited)[0];
	buf_consume(&ch->awaited, 1);
	if (awaited == AWAIT_LIFE) {
		if (mux->ping.channel == ch)
			mux_pong(mux);
	} else if (ch->events == NULL) {
		return;
	} else if (!is_success) {
		fail_open(ch, awaited == AWAIT_TTY
				  ? "the machine refuses a terminal"
				  : "the machine refuses to run this");
	} else if (awaited == AWAIT_TTY) {
		ask_start(ch);
	} else {
		become_open(ch);
	}
}

/* --- what arrives ----------------------------------------------------------
 */

static void
on_bytes(struct mux_channel *ch, const struct mux_message *m)
{
	bool is_err = m->type == SSH_CHANNEL_EXTENDED_DATA;
	uint32_t n = (uint32_t)m->text.n;

	if (n > ch->in_room || ch->got_eof) {
		mux_violated(ch->mux, ch->got_eof ? "bytes after the end"
						  : "more bytes than allowed");
		return;
	}
	ch->in_room -= n;
	if (is_err && m->reason != SSH_EXTENDED_STDERR) {
		ch->in_taken += n;
		allow_more(ch);
	} else if (n > 0) {
		give(ch, is_err ? HELD_ERR : HELD_OUT, m->text.bytes, n);
	}
}

static void
on_request(struct mux_channel *ch, const struct mux_message *m)
{
	bool is_status = mux_text_is(m->text, "exit-status");
	bool is_signal = mux_text_is(m->text, "exit-signal");

	if (m->wants_reply && !ch->sent_close)
		send_bare(ch, SSH_CHANNEL_FAILURE);
	if (ch->has_exited || (!is_status && !is_signal))
		return;
	ch->has_exited = true;
	if (is_status)
		give(ch, HELD_STATUS, &m->status, sizeof(m->status));
	else
		give(ch, HELD_SIGNAL, m->signal.bytes, MIN(m->signal.n, 64));
}

static void
on_adjust(struct mux_channel *ch, const struct mux_message *m)
{
	if (m->window > UINT32_MAX - ch->out_room) {
		mux_violated(ch->mux, "a window is too large");
		return;
	}
	ch->out_room += m->window;
	mux_channel_flush(ch);
}

static void
on_closing(struct mux_channel *ch)
{
	ch->got_close = true;
	list_unlink(&ch->living);
	list_unlink(&ch->sending);
	if (ch->events && !ch->is_open) {
		const struct channel_events *events = ch->events;
		struct err err = ERR_INIT;

		ch->events = NULL;
		err_set(&err, ERR_DENIED,
			"the machine closed the channel before it began");
		events->on_close(&ch->base, &err, ch->owner);
		if (ch->mux->is_freed)
			return;
	}
	give(ch, HELD_CLOSE, NULL, 0);
}

void
mux_channel_message(struct mux_channel *ch, const struct mux_message *m)
{
	if (m->type == SSH_CHANNEL_OPEN_CONFIRMATION) {
		on_confirmation(ch, m);
		return;
	}
	if (m->type == SSH_CHANNEL_OPEN_FAILURE) {
		on_refused(ch, m);
		return;
	}
	if (!ch->is_confirmed || ch->got_close) {
		mux_violated(ch->mux, "a message for a channel that is not "
				      "open");
		return;
	}
	switch (m->type) {
	case SSH_CHANNEL_WINDOW_ADJUST:
		on_adjust(ch, m);
		break;
	case SSH_CHANNEL_DATA:
	case SSH_CHANNEL_EXTENDED_DATA:
		on_bytes(ch, m);
		break;
	case SSH_CHANNEL_EOF:
		if (!ch->got_eof) {
			ch->got_eof = true;
			give(ch, HELD_EOF, NULL, 0);
		}
		break;
	case SSH_CHANNEL_CLOSE:
		on_closing(ch);
		break;
	case SSH_CHANNEL_REQUEST:
		on_request(ch, m);
		break;
	default:
		on_reply(ch, m->type == SSH_CHANNEL_SUCCESS);
		break;
	}
}

/* --- the owner's side ------------------------------------------------------
 */

void
mux_channel_ask_open(struct mux_channel *ch, const struct channel_spec *spec)
{
	static const char *const types[] = {
		[CHANNEL_COMMAND] = "session",
		[CHANNEL_SUBSYSTEM] = "session",
		[CHANNEL_UNIX] = "direct-streamlocal@openssh.com",
		[CHANNEL_TCP] = "direct-tcpip",
	};
	struct buf *out = &ch->mux->out;
	size_t at = mux_message_begin(out, SSH_CHANNEL_OPEN);

	ch->in_room = WINDOW;
	mux_add_string(out, types[spec->kind]);
	mux_add_u32(out, ch->id);
	mux_add_u32(out, WINDOW);
	mux_add_u32(out, MAX_DATA);
	if (spec->kind == CHANNEL_UNIX || spec->kind == CHANNEL_TCP)
		mux_add_string(out, spec->what);
	if (spec->kind == CHANNEL_TCP)
		mux_add_u32(out, spec->port);
	if (spec->kind == CHANNEL_UNIX || spec->kind == CHANNEL_TCP) {
		/* Who asks: nobody who could be named. */
		mux_add_string(out,
			       spec->kind == CHANNEL_TCP ? "127.0.0.1" : "");
		mux_add_u32(out, 0);
	}
	mux_frame_end(out, at);
	mux_send(ch->mux);
}

void
mux_channel_ask_life(struct mux_channel *ch)
{
	end(ch, begin_request(ch, "keepalive@openssh.com", AWAIT_LIFE));
}

struct channel *
mux_open(struct mux *mux, const struct channel_spec *spec,
	 const struct channel_events *events, void *owner, struct err *err)
{
	struct mux_channel *ch;

	if (mux->state != MUX_OPEN) {
		err_set(err, ERR_UNREACHABLE, "the SSH connection is not up");
		return NULL;
	}
	if (strlen(spec->what) > MAX_WHAT ||
	    (spec->term && strlen(spec->term) > MAX_WHAT)) {
		err_set(err, ERR_LIMIT, "a command is longer than %u bytes",
			MAX_WHAT);
		return NULL;
	}
	ch = mux_channel_new(mux, err);
	if (ch == NULL)
		return NULL;
	ch->events = events;
	ch->owner = owner;
	ch->kind = spec->kind;
	if (spec->kind == CHANNEL_COMMAND || spec->kind == CHANNEL_SUBSYSTEM)
		ch->what = xstrdup(spec->what);
	if (spec->kind == CHANNEL_COMMAND && spec->has_tty)
		ch->term = xstrdup(spec->term ? spec->term : "dumb");
	ch->cols = spec->cols;
	ch->rows = spec->rows;
	mux_channel_ask_open(ch, spec);
	return &ch->base;
}

bool
mux_write(struct channel *channel, const void *bytes, size_t n)
{
	struct mux_channel *ch = channel_of(channel);
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
	struct mux_channel *ch = channel_of(channel);

	if (ch->has_ended || ch->mux->state != MUX_OPEN)
		return;
	ch->has_ended = true;
	if (ch->out.len == 0)
		mux_channel_flush(ch);
}

void
mux_pause(struct channel *channel)
{
	channel_of(channel)->is_paused = true;
}

void
mux_resume(struct channel *channel)
{
	struct mux_channel *ch = channel_of(channel);

	if (!ch->is_paused)
		return;
	ch->is_paused = false;
	make_ready(ch);
}

void
mux_resize(struct channel *channel, uint16_t cols, uint16_t rows)
{
	struct mux_channel *ch = channel_of(channel);
	size_t at;

	ch->cols = cols;
	ch->rows = rows;
	if (!ch->is_confirmed || ch->sent_close || ch->term == NULL ||
	    ch->mux->state != MUX_OPEN)
		return;
	at = begin_request(ch, "window-change", 0);
	mux_add_u32(&ch->mux->out, cols);
	mux_add_u32(&ch->mux->out, rows);
	mux_add_u32(&ch->mux->out, 0);
	mux_add_u32(&ch->mux->out, 0);
	end(ch, at);
}

void
mux_signal(struct channel *channel, const char *name)
{
	struct mux_channel *ch = channel_of(channel);
	size_t at;

	if (!ch->is_confirmed || ch->sent_close || ch->mux->state != MUX_OPEN)
		return;
	at = begin_request(ch, "signal", 0);
	mux_add_string(&ch->mux->out, name);
	end(ch, at);
}

void
mux_close(struct channel *channel)
{
	struct mux_channel *ch = channel_of(channel);

	ch->events = NULL;
	buf_fini(&ch->out);
	list_unlink(&ch->sending);
	list_unlink(&ch->ready);
	if (ch->mux->state != MUX_OPEN)
		return;
	/* Held back, their closing has not been answered yet. */
	if (ch->got_close)
		make_ready(ch);
	else if (ch->is_confirmed)
		send_close(ch);
}
