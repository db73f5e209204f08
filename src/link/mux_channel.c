/* SPDX-License-Identifier: ISC */

/*
 * One channel of an OpenSSH master, from its opening to its closing; see mux.h
 * and mux_parts.h.
 *
 * A channel that its owner closed lives on without owner until the other side
 * has closed it too: only then is its number free.
 *
 * Invariants: is_open implies is_started, that implies is_confirmed, and so
 * does sent_close.
 */

#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "link/mux_parts.h"

#define MAX_DATA (32u << 10) /* in one message to us */
#define MAX_OUT (64u << 10)  /* in one message of ours */
#define MAX_WHAT (64u << 10)

/* Replies that are awaited. */
enum { AWAIT_TTY = 't', AWAIT_START = 's', AWAIT_LIFE = 'l' };

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

/* --- opening ---------------------------------------------------------------
 */

static void
ask_start(struct mux_channel *ch)
{
	bool is_command = ch->kind == CHANNEL_COMMAND;
	size_t at;

	/* No command is a login shell. */
	if (is_command && ch->what[0] == '\0') {
		at = mux_channel_begin_request(ch, "shell", AWAIT_START);
	} else {
		at = mux_channel_begin_request(
		    ch, is_command ? "exec" : "subsystem", AWAIT_START);
		mux_add_string(&ch->mux->out, ch->what);
	}
	mux_channel_end(ch, at);
	/* What is read by it may follow at once: requests keep their order. */
	ch->is_started = true;
	mux_channel_flush(ch);
}

static void
ask_tty(struct mux_channel *ch)
{
	size_t at = mux_channel_begin_request(ch, "pty-req", AWAIT_TTY);

	mux_add_string(&ch->mux->out, ch->term);
	mux_add_u32(&ch->mux->out, ch->cols);
	mux_add_u32(&ch->mux->out, ch->rows);
	mux_add_u32(&ch->mux->out, 0); /* in pixels: not known */
	mux_add_u32(&ch->mux->out, 0);
	mux_add_string(&ch->mux->out, ""); /* modes: as the machine likes */
	mux_channel_end(ch, at);
}

static void
become_open(struct mux_channel *ch)
{
	struct mux *mux = ch->mux;

	ch->is_open = ch->is_started = true;
	mux_channel_flush(ch);
	ch->events->on_open(&ch->base, ch->owner);
	if (!mux->is_freed && ch->held.len > 0)
		mux_channel_ready(ch);
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
		mux_channel_send_close(ch);
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
		mux_channel_fail_open(ch,
				      awaited == AWAIT_TTY
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
		mux_channel_allow_more(ch);
	} else if (n > 0) {
		mux_channel_give(ch, is_err ? HELD_ERR : HELD_OUT,
				 m->text.bytes, n);
	}
}

static void
on_request(struct mux_channel *ch, const struct mux_message *m)
{
	bool is_status = mux_text_is(m->text, "exit-status");
	bool is_signal = mux_text_is(m->text, "exit-signal");

	if (m->wants_reply && !ch->sent_close)
		mux_channel_send_bare(ch, SSH_CHANNEL_FAILURE);
	if (ch->has_exited || (!is_status && !is_signal))
		return;
	ch->has_exited = true;
	if (is_status)
		mux_channel_give(ch, HELD_STATUS, &m->status,
				 sizeof(m->status));
	else
		mux_channel_give(ch, HELD_SIGNAL, m->signal.bytes,
				 MIN(m->signal.n, 64));
}

static void
on_adjust(struct mux_channel *ch, const struct mux_message *m)
{
	if (m->window > UINT32_MAX - ch->out_room) {
		mux_violated(ch->mux, "a window is too large");
		return;
	}
	ch->out_room += m->window;
	if (ch->sent_data && ch->events && ch->events->on_taken)
		ch->events->on_taken(&ch->base, ch->owner);
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
	mux_channel_give(ch, HELD_CLOSE, NULL, 0);
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
			mux_channel_give(ch, HELD_EOF, NULL, 0);
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

	ch->in_room = MUX_WINDOW;
	mux_add_string(out, types[spec->kind]);
	mux_add_u32(out, ch->id);
	mux_add_u32(out, MUX_WINDOW);
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
	mux_channel_end(ch, mux_channel_begin_request(
				ch, "keepalive@openssh.com", AWAIT_LIFE));
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

void
mux_pause(struct channel *channel)
{
	mux_channel_of(channel)->is_paused = true;
}

void
mux_resume(struct channel *channel)
{
	struct mux_channel *ch = mux_channel_of(channel);

	if (!ch->is_paused)
		return;
	ch->is_paused = false;
	mux_channel_ready(ch);
}

void
mux_resize(struct channel *channel, uint16_t cols, uint16_t rows)
{
	struct mux_channel *ch = mux_channel_of(channel);
	size_t at;

	ch->cols = cols;
	ch->rows = rows;
	if (!ch->is_confirmed || ch->sent_close || ch->term == NULL ||
	    ch->mux->state != MUX_OPEN)
		return;
	at = mux_channel_begin_request(ch, "window-change", 0);
	mux_add_u32(&ch->mux->out, cols);
	mux_add_u32(&ch->mux->out, rows);
	mux_add_u32(&ch->mux->out, 0);
	mux_add_u32(&ch->mux->out, 0);
	mux_channel_end(ch, at);
}

void
mux_signal(struct channel *channel, const char *name)
{
	struct mux_channel *ch = mux_channel_of(channel);
	size_t at;

	if (!ch->is_confirmed || ch->sent_close || ch->mux->state != MUX_OPEN)
		return;
	at = mux_channel_begin_request(ch, "signal", 0);
	mux_add_string(&ch->mux->out, name);
	mux_channel_end(ch, at);
}

void
mux_close(struct channel *channel)
{
	struct mux_channel *ch = mux_channel_of(channel);

	ch->events = NULL;
	buf_fini(&ch->out);
	list_unlink(&ch->sending);
	list_unlink(&ch->ready);
	if (ch->mux->state != MUX_OPEN)
		return;
	/* Held back, their closing has not been answered yet. */
	if (ch->got_close)
		mux_channel_ready(ch);
	else if (ch->is_confirmed)
		mux_channel_send_close(ch);
}
