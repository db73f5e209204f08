/* SPDX-License-Identifier: ISC */

/*
 * The connection to an OpenSSH master and its table of channels; see mux.h.
 *
 * The greeting, a question whether the master lives and the proxy request go
 * out at once: the master answers them in order.  From the granting on, frames
 * are messages of the connection protocol.  A frame that has arrived whole is
 * used where it lies; only one that is cut is copied together.
 *
 * Callbacks come from three places: the stream's events, and on_later, which
 * serves channels that were resumed or have something owed.  Any of them may
 * free the transport, so freeing waits for the outermost of them to return
 * (n_busy); a channel's memory lives until then or until both sides have
 * closed it.
 *
 * A refused channel stays in the master's own table until we hang up: OpenSSH
 * forgets to free it (9.2 and 9.9 do).  It costs about a kilobyte, so refusals
 * must not be provoked at a rate: that is why a sign of life is a request on a
 * channel that exists and not an attempt to open a nonsense.
 */

#include <assert.h>
#include <string.h>
#include <sys/uio.h>

#include "core/log.h"
#include "core/mem.h"
#include "http/stream.h"
#include "link/mux_parts.h"

#include "link/mux.h"

#define MAX_CHANNELS 4096

/* Our requests to the master, by their numbers. */
enum { ASKED_ALIVE = 1, ASKED_PROXY = 2 };

static void
enter(struct mux *mux)
{
	mux->n_busy++;
}

static void
on_later_closed(uv_handle_t *h)
{
	struct mux *mux = container_of((uv_idle_t *)h, struct mux, later);

	free(mux);
}

static void
destroy(struct mux *mux)
{
	for (uint32_t i = 0; i < mux->n_channels; i++) {
		if (mux->channels[i])
			mux_channel_fini(mux->channels[i]);
	}
	free(mux->channels);
	free(mux->free_ids);
	buf_fini(&mux->in);
	buf_fini(&mux->out);
	uv_close((uv_handle_t *)&mux->later, on_later_closed);
}

static void
leave(struct mux *mux)
{
	if (--mux->n_busy == 0 && mux->is_freed)
		destroy(mux);
}

/* The channels are told later, by who knows more of the reason. */
static void
go_down(struct mux *mux, const struct err *why)
{
	if (mux->state == MUX_DOWN || mux->is_freed)
		return;
	mux->state = MUX_DOWN;
	stream_close(TAKE(mux->stream));
	mux->events->on_down(mux, why, mux->owner);
}

void
mux_violated(struct mux *mux, const char *what)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_PROTO, "the SSH connection is broken: %s", what);
	go_down(mux, &err);
}

void
mux_send(struct mux *mux)
{
	if (mux->stream)
		stream_write(mux->stream, buf_bytes(&mux->out), mux->out.len);
	buf_clear(&mux->out);
}

static void
on_later(uv_idle_t *later)
{
	struct mux *mux = container_of(later, struct mux, later);
	struct list due;

	uv_idle_stop(later);
	enter(mux);
	list_move(&due, &mux->ready);
	while (!list_is_empty(&due) && !mux->is_freed) {
		struct mux_channel *ch = list_entry(due.next,
						    struct mux_channel, ready);

		list_unlink(&ch->ready);
		mux_channel_deliver(ch);
	}
	list_unlink(&due);
	leave(mux);
}

void
mux_later(struct mux *mux)
{
	if (!mux->is_freed)
		uv_idle_start(&mux->later, on_later);
}

/* --- the table -------------------------------------------------------------
 */

static void
grow(struct mux *mux)
{
	uint32_t size = MAX(16, 2 * mux->n_channels);

	mux->channels = xrealloc(mux->channels, size * sizeof(*mux->channels));
	mux->free_ids = xrealloc(mux->free_ids, size * sizeof(*mux->free_ids));
	for (uint32_t id = size; id-- > mux->n_channels;) {
		mux->channels[id] = NULL;
		mux->free_ids[mux->n_free++] = id;
	}
	mux->n_channels = size;
}

struct mux_channel *
mux_channel_new(struct mux *mux, struct err *err)
{
	struct mux_channel *ch;

	if (mux->n_free == 0 && mux->n_channels >= MAX_CHANNELS) {
		err_set(err, ERR_LIMIT, "%d channels are open already",
			MAX_CHANNELS);
		return NULL;
	}
	if (mux->n_free == 0)
		grow(mux);
	ch = xcalloc(1, sizeof(*ch));
	ch->base.ops = mux->ops;
	ch->mux = mux;
	ch->id = mux->free_ids[--mux->n_free];
	ch->is_paused = true;
	buf_init(&ch->out, SIZE_MAX - 1);
	buf_init(&ch->held, SIZE_MAX - 1);
	buf_init(&ch->awaited, SIZE_MAX - 1);
	list_init(&ch->ready);
	list_init(&ch->sending);
	list_init(&ch->living);
	mux->channels[ch->id] = ch;
	return ch;
}

void
mux_channel_remove(struct mux_channel *ch)
{
	struct mux *mux = ch->mux;

	mux->channels[ch->id] = NULL;
	mux->free_ids[mux->n_free++] = ch->id;
	list_unlink(&ch->ready);
	list_unlink(&ch->sending);
	list_unlink(&ch->living);
	if (mux->ping.channel == ch)
		mux_ping_lost(mux);
}

/* --- signs of life ---------------------------------------------------------
 */

/*
 * Any channel will do: its other end answers a request it does not know.
 * When there is none, a session that runs nothing is opened and closed.
 */
static void
start_ping(struct mux *mux)
{
	static const struct channel_spec nothing = {
		.kind = CHANNEL_COMMAND,
	};
	struct err err = ERR_INIT;

	mux->ping.start_ns = uv_hrtime();
	if (!list_is_empty(&mux->living)) {
		mux->ping.channel = list_entry(mux->living.next,
					       struct mux_channel, living);
		mux_channel_ask_life(mux->ping.channel);
		return;
	}
	mux->ping.channel = mux_channel_new(mux, &err);
	if (mux->ping.channel)
		mux_channel_ask_open(mux->ping.channel, &nothing);
	else
		mux->ping.on_pong = NULL;
}

void
mux_ping_lost(struct mux *mux)
{
	mux->ping.channel = NULL;
	if (mux->ping.on_pong && mux->state == MUX_OPEN && !mux->is_freed)
		start_ping(mux);
}

void
mux_pong(struct mux *mux)
{
	struct mux_ping ping = mux->ping;

	mux->ping = (struct mux_ping){ 0 };
	if (ping.on_pong && !mux->is_freed)
		ping.on_pong(ping.owner, (uv_hrtime() - ping.start_ns) / 1000);
}

void
mux_ping(struct mux *mux, void (*on_pong)(void *owner, uint64_t us),
	 void *owner)
{
	bool is_asked = mux->ping.on_pong != NULL;

	if (mux->state != MUX_OPEN)
		return;
	mux->ping.on_pong = on_pong;
	mux->ping.owner = owner;
	if (!is_asked)
		start_ping(mux);
}

/* --- what arrives ----------------------------------------------------------
 */

static void
refuse_channel(struct mux *mux, const struct mux_message *m)
{
	size_t begin = mux_message_begin(&mux->out, SSH_CHANNEL_OPEN_FAILURE);

	mux_add_u32(&mux->out, m->peer);
	mux_add_u32(&mux->out, 1); /* administratively prohibited */
	mux_add_string(&mux->out, "nothing is forwarded to here");
	mux_add_string(&mux->out, "");
	mux_frame_end(&mux->out, begin);
	mux_send(mux);
}

static void
refuse_request(struct mux *mux)
{
	size_t begin = mux_message_begin(&mux->out, SSH_REQUEST_FAILURE);

	mux_frame_end(&mux->out, begin);
	mux_send(mux);
}

static void
take_message(struct mux *mux, const struct mux_message *m)
{
	struct mux_channel *ch;

	if (m->type == SSH_CHANNEL_OPEN)
		refuse_channel(mux, m);
	else if (m->type == SSH_GLOBAL_REQUEST && m->wants_reply)
		refuse_request(mux);
	else if (m->type == SSH_DISCONNECT)
		mux_violated(mux, "the machine said goodbye");
	if (m->type <= SSH_CHANNEL_OPEN || m->type > SSH_CHANNEL_FAILURE)
		return;

	ch = m->channel < mux->n_channels ? mux->channels[m->channel] : NULL;
	if (ch == NULL)
		mux_violated(mux, "a message for no channel");
	else
		mux_channel_message(ch, m);
}

static void
refused_to_serve(struct mux *mux, const struct mux_control *m)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_UNSUPPORTED,
		"ssh does not let us use its connection: %.*s",
		(int)MIN(m->reason.n, 200), m->reason.bytes);
	err_hint(&err, "berth needs OpenSSH 7.4 or newer");
	go_down(mux, &err);
}

static void
take_control(struct mux *mux, const struct mux_control *m)
{
	if (m->type != MUX_HELLO && mux->version == 0) {
		mux_violated(mux, "ssh did not greet");
	} else if (m->type == MUX_HELLO) {
		mux->version = m->value;
		if (m->value != MUX_VERSION)
			mux_violated(mux, "ssh speaks another version of its "
					  "multiplexing protocol");
	} else if (m->type == MUX_S_ALIVE && m->request == ASKED_ALIVE) {
		mux->pid = m->value;
	} else if (m->type == MUX_S_PROXY && m->request == ASKED_PROXY) {
		mux->state = MUX_OPEN;
		mux->events->on_up(mux, mux->pid, mux->owner);
	} else if (m->type == MUX_S_DENIED || m->type == MUX_S_FAILURE) {
		refused_to_serve(mux, m);
	} else {
		mux_violated(mux, "ssh answers what was not asked");
	}
}

static void
take_body(struct mux *mux, const uint8_t *body, size_t n)
{
	struct err err = ERR_INIT;
	struct mux_control control;
	struct mux_message message;

	if (mux->state == MUX_GREETING) {
		if (mux_control_read(body, n, &control, &err) < 0)
			go_down(mux, &err);
		else
			take_control(mux, &control);
	} else if (mux_message_read(body, n, &message, &err) < 0) {
		go_down(mux, &err);
	} else {
		take_message(mux, &message);
	}
}

static bool
is_usable(const struct mux *mux)
{
	return mux->state != MUX_DOWN && !mux->is_freed;
}

/* Complete the frame whose beginning is kept; false: it is still cut. */
static bool
complete_frame(struct mux *mux, const uint8_t **bytes, size_t *n)
{
	AUTO_BUF whole = BUF_INIT(0);
	const uint8_t *body;
	size_t n_body, need, part;
	int rc;

	while ((rc = mux_frame(buf_bytes(&mux->in), mux->in.len, &body, &n_body,
			       &need)) == 0) {
		part = MIN(need - mux->in.len, *n);
		if (part == 0)
			return false;
		(void)buf_add(&mux->in, *bytes, part);
		*bytes += part;
		*n -= part;
	}
	if (rc < 0) {
		mux_violated(mux, "a message is too long");
		return false;
	}
	/* The callbacks may free what `mux' holds. */
	whole = mux->in;
	buf_init(&mux->in, whole.max);
	take_body(mux, body, n_body);
	return is_usable(mux);
}

static void
take_bytes(struct mux *mux, const uint8_t *bytes, size_t n)
{
	const uint8_t *body;
	size_t n_body, need;
	int rc = 0;

	if (mux->in.len > 0 && !complete_frame(mux, &bytes, &n))
		return;
	while (is_usable(mux)) {
		rc = mux_frame(bytes, n, &body, &n_body, &need);
		if (rc <= 0)
			break;
		bytes += need;
		n -= need;
		take_body(mux, body, n_body);
	}
	if (!is_usable(mux))
		return;
	if (rc < 0)
		mux_violated(mux, "a message is too long");
	else
		(void)buf_add(&mux->in, bytes, n);
}

static void
on_data(struct stream *s, const void *bytes, size_t n, void *owner)
{
	struct mux *mux = owner;

	enter(mux);
	take_bytes(mux, bytes, n);
	leave(mux);
}

static void
on_end(struct stream *s, const struct err *why, void *owner)
{
	struct mux *mux = owner;
	struct err err = ERR_INIT;

	enter(mux);
	err_set(&err, ERR_UNREACHABLE, "the SSH connection ended");
	go_down(mux, &err);
	leave(mux);
}

/* The socket takes bytes again: each channel in turn. */
static void
on_drain(struct stream *s, void *owner)
{
	struct mux *mux = owner;

	enter(mux);
	while (!list_is_empty(&mux->sending) && !stream_is_full(s))
		mux_channel_flush(
		    list_entry(mux->sending.next, struct mux_channel, sending));
	leave(mux);
}

static const struct stream_events stream_events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
};

static void
greet(struct mux *mux)
{
	size_t begin = mux_control_begin(&mux->out, MUX_HELLO);

	mux_add_u32(&mux->out, MUX_VERSION);
	mux_frame_end(&mux->out, begin);
	begin = mux_control_begin(&mux->out, MUX_C_ALIVE);
	mux_add_u32(&mux->out, ASKED_ALIVE);
	mux_frame_end(&mux->out, begin);
	begin = mux_control_begin(&mux->out, MUX_C_PROXY);
	mux_add_u32(&mux->out, ASKED_PROXY);
	mux_frame_end(&mux->out, begin);
	mux_send(mux);
}

struct mux *
mux_new(struct uv_loop_s *loop, int fd, const struct transport_ops *ops,
	const struct mux_events *events, void *owner, struct err *err)
{
	struct mux *mux = xcalloc(1, sizeof(*mux));

	mux->stream = stream_new(loop, fd, fd, &stream_events, mux, err);
	if (mux->stream == NULL) {
		close(fd);
		free(mux);
		return NULL;
	}
	mux->loop = loop;
	mux->ops = ops;
	mux->events = events;
	mux->owner = owner;
	buf_init(&mux->in, 4 + MUX_MAX_BODY);
	buf_init(&mux->out, 4 + MUX_MAX_BODY);
	list_init(&mux->ready);
	list_init(&mux->sending);
	list_init(&mux->living);
	uv_idle_init(loop, &mux->later);
	greet(mux);
	stream_resume(mux->stream);
	return mux;
}

void
mux_free(struct mux *mux)
{
	if (mux == NULL || mux->is_freed)
		return;
	mux->is_freed = true;
	mux->state = MUX_DOWN;
	stream_close(TAKE(mux->stream));
	uv_idle_stop(&mux->later);
	if (mux->n_busy == 0)
		destroy(mux);
}

void
mux_end(struct mux *mux, const struct err *why)
{
	if (mux == NULL)
		return;
	enter(mux);
	for (uint32_t i = 0; i < mux->n_channels; i++) {
		if (mux->channels[i])
			mux_channel_down(mux->channels[i], why);
	}
	mux_free(mux);
	leave(mux);
}
