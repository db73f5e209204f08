/* SPDX-License-Identifier: ISC */

/*
 * Channels of a libssh session; see transport.h.
 *
 *	WAITING   asked for; nothing was sent yet
 *	OPENING   the machine has not said yes
 *	ASKING    it is a session: a terminal, then the command, are asked for
 *	OPEN
 *
 * libssh keeps what arrives in the channel's buffer and lets its window shrink
 * until we read: a paused channel is not read, which is all of back-pressure
 * that way.  The other way we keep what the window does not take, and the
 * writer is told to stop.  Nothing is written while libssh still holds bytes
 * that the socket did not take, since it would keep any number of them.
 *
 * libssh finds the channel of a packet by walking a list of them all.  What is
 * ours touches only channels with something to do: `ready', `opening' (of
 * which a fixed number is under way at a time) and `writers'.
 *
 * A channel that is closed while the machine still decides about it is kept
 * until it has: libssh would forget it, and the machine would not.
 */

#include <string.h>

#include "core/mem.h"
#include "core/text.h"

#include "link/libssh_parts.h"

/* One call into libssh, and one look at the socket, for each and each turn. */
#define MAX_OPENING 32

#define CHUNK 32768
#define READS_PER_TURN 8
#define HIGH_WATER (256u << 10) /* of what waits to be written */

enum channel_state { WAITING, OPENING, ASKING_TTY, ASKING, OPEN };

struct ssh_chan {
	struct channel base;
	struct list link;    /* of the session's channels, or of the dead */
	struct list ready;   /* has something to tell */
	struct list opening; /* waits for the machine */
	struct list writer;  /* has something to write */
	struct session *session;
	const struct channel_events *events;
	void *owner;
	struct channel_spec spec; /* strings are ours */

	ssh_channel ssh;
	uint32_t window; /* when it was last looked at */
	struct ssh_channel_callbacks_struct callbacks;
	enum channel_state state;
	struct buf out;
	bool is_paused, is_dead, owes_drain, wants_end, has_ended;
	bool has_data[2]; /* stdout, stderr */
	bool has_eof, has_told_eof, has_exit, has_told_exit, is_shut;
	bool has_resize;
	int code;
	char signal[32];
};

static struct ssh_chan *
of(struct channel *channel)
{
	return container_of(channel, struct ssh_chan, base);
}

static void
mark(struct ssh_chan *ch)
{
	if (ch->is_dead || !list_is_empty(&ch->ready))
		return;
	list_append(&ch->session->ready, &ch->ready);
	session_kick(ch->session);
}

/* --- notes, from within libssh --- */

static int
on_data(ssh_session ssh UNUSED, ssh_channel channel UNUSED, void *data UNUSED,
	uint32_t len UNUSED, int is_stderr, void *owner)
{
	struct ssh_chan *ch = owner;

	ch->session->n_silent = 0; /* it lives, behind all of this */
	ch->has_data[is_stderr != 0] = true;
	if (!ch->is_paused)
		mark(ch);
	return 0; /* it stays there */
}

static void
on_eof(ssh_session ssh UNUSED, ssh_channel channel UNUSED, void *owner)
{
	struct ssh_chan *ch = owner;

	ch->has_eof = true;
	mark(ch);
}

static void
on_close(ssh_session ssh UNUSED, ssh_channel channel UNUSED, void *owner)
{
	struct ssh_chan *ch = owner;

	ch->is_shut = true;
	mark(ch);
}

static void
on_exit_status(ssh_session ssh UNUSED, ssh_channel channel UNUSED, int code,
	       void *owner)
{
	struct ssh_chan *ch = owner;

	ch->has_exit = true;
	ch->code = code;
	mark(ch);
}

static void
on_exit_signal(ssh_session ssh UNUSED, ssh_channel channel UNUSED,
	       const char *signal, int core UNUSED, const char *text UNUSED,
	       const char *language UNUSED, void *owner)
{
	struct ssh_chan *ch = owner;

	ch->has_exit = true;
	snprintf(ch->signal, sizeof(ch->signal), "%s", signal);
	mark(ch);
}

/* --- ends --- */

/* No call to the owner follows. */
static void
leave(struct ssh_chan *ch)
{
	struct session *s = ch->session;
	bool is_undecided = ch->state == OPENING && s->state == SESSION_UP;

	if (ch->is_dead)
		return;
	ch->is_dead = true;
	list_unlink(&ch->ready);
	list_unlink(&ch->writer);
	list_unlink(&ch->link);
	list_append(&s->dead, &ch->link);
	if (is_undecided)
		return;
	list_unlink(&ch->opening);
	if (ch->ssh) {
		libssh.ssh_remove_channel_callbacks(ch->ssh, &ch->callbacks);
		libssh.ssh_channel_free(TAKE(ch->ssh));
	}
	session_kick(s);
}

static void
bury(struct ssh_chan *ch)
{
	list_unlink(&ch->link);
	list_unlink(&ch->opening);
	buf_fini(&ch->out);
	free((char *)(uintptr_t)ch->spec.what);
	free((char *)(uintptr_t)ch->spec.term);
	free(ch);
}

void
channels_bury(struct session *s)
{
	struct ssh_chan *ch;

	list_for_each (ch, &s->dead, link) {
		if (ch->ssh == NULL)
			bury(ch);
	}
}

/* Its last callback. */
static void
tell_close(struct ssh_chan *ch, const struct err *err)
{
	leave(ch);
	ch->events->on_close(&ch->base, err, ch->owner);
}

/* Nobody wants it any more, and the machine has decided. */
static void
drop_decided(struct ssh_chan *ch)
{
	list_unlink(&ch->opening);
	libssh.ssh_remove_channel_callbacks(ch->ssh, &ch->callbacks);
	libssh.ssh_channel_free(TAKE(ch->ssh));
}

static void
refuse(struct ssh_chan *ch)
{
	struct err err = ERR_INIT;
	char shown[300];

	if (!libssh.ssh_is_connected(ch->session->ssh))
		return;	  /* the session will say so */
	ch->state = OPEN; /* it is decided */
	err_set(
	    &err, ERR_DENIED, "the machine refused a channel: %s",
	    vis(shown, sizeof(shown), libssh.ssh_get_error(ch->session->ssh)));
	if (ch->is_dead) {
		drop_decided(ch);
		return;
	}
	tell_close(ch, &err);
}

void
channels_end(struct session *s, const struct err *why)
{
	while (!list_is_empty(&s->channels)) {
		struct ssh_chan *ch = list_entry(s->channels.next,
						 struct ssh_chan, link);

		if (why)
			tell_close(ch, why);
		else
			leave(ch);
	}
	/* Those that the machine had not decided about. */
	while (!list_is_empty(&s->opening)) {
		struct ssh_chan *ch = list_entry(s->opening.next,
						 struct ssh_chan, opening);

		list_unlink(&ch->opening);
		if (ch->ssh) {
			libssh.ssh_remove_channel_callbacks(ch->ssh,
							    &ch->callbacks);
			libssh.ssh_channel_free(TAKE(ch->ssh));
		}
	}
}

/* --- the way to open --- */

static void
make(struct ssh_chan *ch)
{
	ch->ssh = libssh.ssh_channel_new(ch->session->ssh);
	if (ch->ssh == NULL)
		abort(); /* out of memory */
	ch->callbacks = (struct ssh_channel_callbacks_struct){
		.userdata = ch,
		.channel_data_function = on_data,
		.channel_eof_function = on_eof,
		.channel_close_function = on_close,
		.channel_exit_status_function = on_exit_status,
		.channel_exit_signal_function = on_exit_signal,
	};
	ssh_callbacks_init(&ch->callbacks);
	libssh.ssh_add_channel_callbacks(ch->ssh, &ch->callbacks);
	ch->state = OPENING;
}

static int
call_open(struct ssh_chan *ch)
{
	const struct channel_spec *spec = &ch->spec;

	switch (spec->kind) {
	case CHANNEL_UNIX:
		return libssh.ssh_channel_open_forward_unix(ch->ssh, spec->what,
							    "127.0.0.1", 0);
	case CHANNEL_TCP:
		return libssh.ssh_channel_open_forward(
		    ch->ssh, spec->what, spec->port, "127.0.0.1", 0);
	case CHANNEL_COMMAND:
	case CHANNEL_SUBSYSTEM:
		break;
	}
	return libssh.ssh_channel_open_session(ch->ssh);
}

static int
call_request(struct ssh_chan *ch)
{
	const struct channel_spec *spec = &ch->spec;

	if (spec->kind == CHANNEL_SUBSYSTEM)
		return libssh.ssh_channel_request_subsystem(ch->ssh,
							    spec->what);
	return libssh.ssh_channel_request_exec(ch->ssh, spec->what);
}

/* One step on that way: SSH_OK, SSH_AGAIN or SSH_ERROR. */
static int
open_step(struct ssh_chan *ch)
{
	const struct channel_spec *spec = &ch->spec;
	bool is_session = spec->kind == CHANNEL_COMMAND ||
			  spec->kind == CHANNEL_SUBSYSTEM;
	int rc = SSH_OK;

	switch (ch->state) {
	case WAITING:
		make(ch);
		__attribute__((fallthrough));
	case OPENING:
		rc = call_open(ch);
		if (rc == SSH_OK)
			ch->state = is_session ? ASKING_TTY : OPEN;
		break;
	case ASKING_TTY:
		if (spec->has_tty)
			rc = libssh.ssh_channel_request_pty_size(
			    ch->ssh, spec->term ? spec->term : "dumb",
			    spec->cols, spec->rows);
		if (rc == SSH_OK)
			ch->state = ASKING;
		break;
	case ASKING:
		rc = call_request(ch);
		if (rc == SSH_OK)
			ch->state = OPEN;
		break;
	case OPEN:
		break;
	}
	return rc;
}

static void
become_open(struct ssh_chan *ch)
{
	list_unlink(&ch->opening);
	ch->window = libssh.ssh_channel_window_size(ch->ssh);
	if (ch->has_resize)
		(void)libssh.ssh_channel_change_pty_size(ch->ssh, ch->spec.cols,
							 ch->spec.rows);
	if (ch->out.len > 0 || ch->wants_end)
		list_append(&ch->session->writers, &ch->writer);
	mark(ch);
	if (ch->events->on_open)
		ch->events->on_open(&ch->base, ch->owner);
}

static void
advance(struct ssh_chan *ch)
{
	int rc;

	do {
		rc = open_step(ch);
		if (rc == SSH_OK && ch->is_dead) {
			drop_decided(ch);
			return;
		}
	} while (rc == SSH_OK && ch->state != OPEN);
	if (rc == SSH_OK)
		become_open(ch);
	else if (rc != SSH_AGAIN)
		refuse(ch);
}

/* In the order they were asked for, so many at a time. */
static void
advance_all(struct session *s)
{
	struct list now;

	list_move(&now, &s->opening);
	for (unsigned n = 0; !list_is_empty(&now); n++) {
		struct ssh_chan *ch = list_entry(now.next, struct ssh_chan,
						 opening);

		list_unlink(&ch->opening);
		list_append(&s->opening, &ch->opening);
		if (n < MAX_OPENING && !s->is_freed)
			advance(ch);
	}
}

/* --- reading --- */

/* What there is, unless it is paused; false: no more for now. */
static bool
read_some(struct ssh_chan *ch, int is_stderr)
{
	static char bytes[CHUNK];
	int n;

	if (!ch->has_data[is_stderr])
		return false;
	n = libssh.ssh_channel_read_nonblocking(ch->ssh, bytes, sizeof(bytes),
						is_stderr);
	if (n <= 0) {
		ch->has_data[is_stderr] = false;
		return false;
	}
	ch->events->on_data(&ch->base, is_stderr ? 2 : 1, bytes, (size_t)n,
			    ch->owner);
	return true;
}

static bool
may_tell(const struct ssh_chan *ch)
{
	return !ch->is_dead && !ch->is_paused && !ch->session->is_freed;
}

/* What comes after the last byte. */
static void
tell_end(struct ssh_chan *ch)
{
	if ((ch->has_eof || ch->is_shut) && !ch->has_told_eof) {
		ch->has_told_eof = true;
		if (ch->has_eof && ch->events->on_eof)
			ch->events->on_eof(&ch->base, ch->owner);
	}
	if (may_tell(ch) && ch->has_exit && ch->has_told_eof &&
	    !ch->has_told_exit) {
		ch->has_told_exit = true;
		if (ch->events->on_exit)
			ch->events->on_exit(&ch->base, ch->code,
					    ch->signal[0] ? ch->signal : NULL,
					    ch->owner);
	}
	if (may_tell(ch) && ch->is_shut)
		tell_close(ch, NULL);
}

static void
deliver(struct ssh_chan *ch)
{
	unsigned n = 0;

	if (ch->state != OPEN)
		return;
	while (may_tell(ch) && (ch->has_data[0] || ch->has_data[1])) {
		if (n++ == READS_PER_TURN) {
			mark(ch);
			return;
		}
		if (!read_some(ch, 0) || !may_tell(ch))
			(void)(may_tell(ch) && read_some(ch, 1));
	}
	if (may_tell(ch))
		tell_end(ch);
}

static void
deliver_all(struct session *s)
{
	struct list now;

	list_move(&now, &s->ready);
	while (!list_is_empty(&now)) {
		struct ssh_chan *ch = list_entry(now.next, struct ssh_chan,
						 ready);

		list_unlink(&ch->ready);
		if (!s->is_freed)
			deliver(ch);
	}
}

/* --- writing --- */

/* May bytes be given to libssh, or does it hold some already? */
static bool
is_congested(const struct session *s)
{
	return libssh.ssh_get_poll_flags(s->ssh) & SSH_WRITE_PENDING;
}

static void
write_some(struct ssh_chan *ch)
{
	while (ch->out.len > 0 && !is_congested(ch->session)) {
		size_t window = libssh.ssh_channel_window_size(ch->ssh);
		size_t n = MIN(MIN(ch->out.len, window), (size_t)CHUNK);
		int done = n ? libssh.ssh_channel_write(
				   ch->ssh, buf_bytes(&ch->out), (uint32_t)n)
			     : 0;

		if (done < 0 || ch->is_shut) {
			/* The command reads no more: it is for nobody. */
			buf_clear(&ch->out);
			return;
		}
		if (done == 0)
			return;
		buf_consume(&ch->out, (size_t)done);
		ch->window = libssh.ssh_channel_window_size(ch->ssh);
	}
}

static void
flush(struct ssh_chan *ch)
{
	write_some(ch);
	if (ch->out.len > 0)
		return;
	list_unlink(&ch->writer);
	if (ch->wants_end && !ch->has_ended && !ch->is_shut) {
		ch->has_ended = true;
		(void)libssh.ssh_channel_send_eof(ch->ssh);
	}
	if (!ch->owes_drain)
		return;
	ch->owes_drain = false;
	if (ch->events->on_drain)
		ch->events->on_drain(&ch->base, ch->owner);
}

static void
flush_all(struct session *s)
{
	struct list now;

	list_move(&now, &s->writers);
	while (!list_is_empty(&now)) {
		struct ssh_chan *ch = list_entry(now.next, struct ssh_chan,
						 writer);

		list_unlink(&ch->writer);
		list_append(&s->writers, &ch->writer);
		if (!s->is_freed)
			flush(ch);
	}
}

/* libssh does not say when a window becomes larger. */
static void
look_at_windows(struct session *s)
{
	struct ssh_chan *ch;

	list_for_each (ch, &s->channels, link) {
		uint32_t was = ch->window;

		if (ch->state != OPEN || ch->is_dead)
			continue;
		ch->window = libssh.ssh_channel_window_size(ch->ssh);
		if (ch->window <= was)
			continue;
		s->n_silent = 0;
		if (ch->events->on_taken)
			ch->events->on_taken(&ch->base, ch->owner);
	}
}

void
channels_turn(struct session *s)
{
	look_at_windows(s);
	advance_all(s);
	if (!s->is_freed)
		flush_all(s);
	if (!s->is_freed)
		deliver_all(s);
}

/* --- what the owner asks for --- */

struct channel *
libssh_open(struct transport *t, const struct channel_spec *spec,
	    const struct channel_events *events, void *owner, struct err *err)
{
	struct session *s = container_of(t, struct session, base);
	struct ssh_chan *ch;

	if (s->state != SESSION_UP) {
		err_set(err, ERR_UNREACHABLE, "the SSH connection is not up");
		return NULL;
	}
	ch = xcalloc(1, sizeof(*ch));
	ch->base.ops = &transport_libssh;
	ch->session = s;
	ch->events = events;
	ch->owner = owner;
	ch->spec = *spec;
	ch->spec.what = xstrdup(spec->what);
	ch->spec.term = spec->term ? xstrdup(spec->term) : NULL;
	ch->is_paused = true;
	buf_init(&ch->out, SIZE_MAX - 1);
	list_init(&ch->ready);
	list_init(&ch->writer);
	list_append(&s->channels, &ch->link);
	list_append(&s->opening, &ch->opening);
	session_kick(s);
	return &ch->base;
}

bool
libssh_write(struct channel *channel, const void *bytes, size_t n)
{
	struct ssh_chan *ch = of(channel);

	if (ch->is_dead || ch->wants_end || ch->is_shut)
		return false;
	(void)buf_add(&ch->out, bytes, n);
	if (ch->state == OPEN && list_is_empty(&ch->writer))
		list_append(&ch->session->writers, &ch->writer);
	session_kick(ch->session);
	if (ch->out.len >= HIGH_WATER)
		ch->owes_drain = true;
	return ch->owes_drain;
}

void
libssh_write_end(struct channel *channel)
{
	struct ssh_chan *ch = of(channel);

	if (ch->is_dead || ch->wants_end)
		return;
	ch->wants_end = true;
	if (ch->state == OPEN && list_is_empty(&ch->writer))
		list_append(&ch->session->writers, &ch->writer);
	session_kick(ch->session);
}

void
libssh_pause(struct channel *channel)
{
	of(channel)->is_paused = true;
}

void
libssh_resume(struct channel *channel)
{
	struct ssh_chan *ch = of(channel);

	ch->is_paused = false;
	mark(ch);
}

void
libssh_resize(struct channel *channel, uint16_t cols, uint16_t rows)
{
	struct ssh_chan *ch = of(channel);

	ch->spec.cols = cols;
	ch->spec.rows = rows;
	if (!ch->spec.has_tty || ch->is_dead || ch->is_shut)
		return;
	/* While another request is out, libssh takes a call for that one. */
	if (ch->state == OPEN)
		(void)libssh.ssh_channel_change_pty_size(ch->ssh, cols, rows);
	else
		ch->has_resize = true;
	session_kick(ch->session);
}

void
libssh_signal(struct channel *channel, const char *name)
{
	struct ssh_chan *ch = of(channel);

	if (ch->state == OPEN && !ch->is_dead && !ch->is_shut)
		(void)libssh.ssh_channel_request_send_signal(ch->ssh, name);
	session_kick(ch->session);
}

void
libssh_close(struct channel *channel)
{
	leave(of(channel));
}
