/* SPDX-License-Identifier: ISC */

/*
 * Standard input on its way; see exec_input.h.
 *
 * The descriptor is watched through an epoll instance of its own: libuv would
 * make it non-blocking, and with it the terminal of whoever shares it.  A
 * descriptor that cannot be watched (a file, /dev/null) is always readable.
 *
 * Two buffers: what is sent, whose answer is outstanding, and what was read
 * meanwhile.  The descriptor is watched while the second has room, so that over
 * a long way a round trip carries as much as the producer has.  is_sending
 * implies a call under way, or the timer until the next attempt.
 */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include <uv.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/macros.h"
#include "core/mem.h"
#include "wire/errors.h"
#include "client/client.h"
#include "client/exec_input.h"
#include "client/exec_json.h"
#include "client/target.h"

/* A pipe's worth. */
#define PIECE (64u << 10)

/* Of one call: what is under way on a channel, twice. */
#define MOST (4u << 20)

#define MAX_ANSWER (64u << 10)

#define RETRY_PAUSE_MS 200
#define GIVE_UP_MS 60000

struct exec_input {
	struct client *client;
	char *id;
	int fd;
	int epoll_fd; /* -1: always readable */
	exec_input_fail_fn *on_fail;
	exec_input_escape_fn *on_escape;
	uint8_t escape;
	void *owner;

	struct buf next;   /* read, not sent */
	struct buf sent;   /* not known to be taken */
	uint64_t offset;   /* of the first byte of `sent' */
	uint64_t skip;	   /* to be read and not sent: it was taken before */
	bool is_typed;	   /* begins where the exec is, not anew */
	bool is_placed;	   /* the exec has said where it is */
	bool is_eof;	   /* the descriptor ended */
	bool has_sent_eof; /* with `sent' */
	bool is_over;	   /* the exec knows the end, or reads no more */
	bool is_sending;
	bool must_ask;	   /* what was taken of `sent' is not known */
	bool was_answered; /* the last failure came over a connection */
	struct client_call *call;
	struct buf answer;
	uint64_t broken_ms; /* since when nothing works; 0: it works */

	uv_poll_t readable;
	uv_idle_t always;
	uv_timer_t retry;
	unsigned n_handles;
	bool is_freed;
};

static void send_next(struct exec_input *input);
static void watch(struct exec_input *input);
static void on_retry(uv_timer_t *timer);

static void
unwatch(struct exec_input *input)
{
	if (input->epoll_fd >= 0)
		uv_poll_stop(&input->readable);
	else
		uv_idle_stop(&input->always);
}

/* Nothing more is forwarded. */
static void
stop(struct exec_input *input)
{
	unwatch(input);
	uv_timer_stop(&input->retry);
	input->is_over = true;
	buf_clear(&input->next);
	buf_clear(&input->sent);
}

/* The owner may free us. */
static void
fail(struct exec_input *input, const struct err *err)
{
	stop(input);
	input->on_fail(err, input->owner);
}

static void
fail_short(struct exec_input *input)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_CONFLICT,
		"the exec has taken %llu bytes more than there are here",
		(unsigned long long)input->skip);
	err_hint(&err, "'berth exec write%s %s' goes on behind them",
		 client_reach(input->client)->words, input->id);
	fail(input, &err);
}

/* While some are skipped nothing is kept, so what is left is the first. */
static void
keep(struct exec_input *input, uint8_t *bytes, size_t n)
{
	size_t skip = (size_t)MIN(input->skip, (uint64_t)n);

	input->skip -= skip;
	memmove(bytes, bytes + skip, n - skip);
	buf_commit(&input->next, n - skip);
}

/* The descriptor is readable, so this does not block. */
static void
read_next(struct exec_input *input)
{
	uint8_t *room = buf_reserve(&input->next, PIECE);
	struct err err = ERR_INIT;
	ssize_t n;

	n = read(input->fd, room, PIECE);
	if (n > 0 && input->on_escape &&
	    memchr(room, input->escape, (size_t)n)) {
		stop(input);
		input->on_escape(input->owner);
		return;
	}
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0 && errno != EIO) {
		err_sys(&err, "read standard input");
		fail(input, &err);
		return;
	}
	/* A terminal that hung up reads as EIO. */
	if (n <= 0)
		input->is_eof = true;
	else
		keep(input, room, (size_t)n);
	unwatch(input);
	if (input->is_eof && input->skip > 0)
		fail_short(input);
	else if (input->is_sending)
		watch(input);
	else
		send_next(input);
}

static void
on_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
	read_next(container_of(poll, struct exec_input, readable));
}

static void
on_always(uv_idle_t *idle)
{
	read_next(container_of(idle, struct exec_input, always));
}

static void
watch(struct exec_input *input)
{
	if (input->is_eof || input->is_over || input->next.len + PIECE > MOST)
		return;
	if (input->epoll_fd >= 0)
		uv_poll_start(&input->readable, UV_READABLE, on_readable);
	else
		uv_idle_start(&input->always, on_always);
}

static void
on_answer(struct client_call *call UNUSED, const void *bytes, size_t n,
	  void *owner)
{
	struct exec_input *input = owner;

	(void)buf_add(&input->answer, bytes, n);
}

/*
 * By the first answer: a client before us may have fed this exec.  What it took
 * is the beginning of what is to be read here; but nobody types it again.
 */
static void
place(struct exec_input *input, uint64_t taken)
{
	uint64_t end = input->offset + input->sent.len;
	size_t n;

	input->is_placed = true;
	if (input->is_typed) {
		input->offset = taken;
	} else if (taken > end) {
		n = (size_t)MIN(taken - end, (uint64_t)input->next.len);
		buf_consume(&input->next, n);
		input->skip = taken - end - n;
		input->offset = taken - input->sent.len;
	}
}

/* The exec has `taken' bytes in all: drop them, go on with the others. */
static void
take_answer(struct exec_input *input)
{
	struct err err = ERR_INIT;
	uint64_t taken;

	if (exec_taken_decode(buf_bytes(&input->answer), input->answer.len,
			      &taken, &err) < 0) {
		fail(input, &err);
		return;
	}
	if (!input->is_placed)
		place(input, taken);
	if (taken < input->offset || taken > input->offset + input->sent.len) {
		err_set(&err, ERR_PROTO, "the exec has other input than ours");
		fail(input, &err);
		return;
	}
	if (input->is_eof && input->skip > 0) {
		fail_short(input);
		return;
	}
	buf_consume(&input->sent, (size_t)(taken - input->offset));
	input->offset = taken;
	input->broken_ms = 0;
	input->must_ask = false;
	if (input->has_sent_eof && input->sent.len == 0)
		stop(input);
	else
		send_next(input);
}

/* The connection broke: what was not taken again, after a while. */
static void
try_again(struct exec_input *input, const struct err *why)
{
	/* ERR_REMOTE without a call: a daemon died while it started. */
	bool may_help = error_is_retryable(why) ||
			(why->code == ERR_REMOTE && !input->was_answered);
	/* A link knows better when to give up, and says so. */
	bool is_linked = client_reach(input->client)->is_linked;
	uint64_t now = clock_mono_ms();

	if (input->broken_ms == 0)
		input->broken_ms = now;
	if (!may_help || (!is_linked && now - input->broken_ms > GIVE_UP_MS)) {
		fail(input, why);
		return;
	}
	input->is_sending = true;
	input->must_ask = true;
	uv_timer_start(&input->retry, on_retry, RETRY_PAUSE_MS, 0);
}

static void
on_end(struct client_call *call UNUSED, const struct err *err, void *owner)
{
	struct exec_input *input = owner;

	input->call = NULL;
	input->is_sending = false;
	input->was_answered = true;
	if (err == NULL)
		take_answer(input);
	else if (err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND)
		stop(input); /* as a pipe whose reader has gone */
	else
		try_again(input, err);
}

/* Send `sent'; or nothing, when the answer has to tell what was taken of it. */
static void
post_sent(struct exec_input *input)
{
	static const struct client_call_events events = { .on_data = on_answer,
							  .on_end = on_end };
	AUTO_BUF target = BUF_INIT(TARGET_MAX);
	struct http_request request = { .method = "POST",
					.type = "application/octet-stream",
					.body = buf_bytes(&input->sent),
					.body_len = input->must_ask
							? 0
							: input->sent.len };
	struct err err = ERR_INIT;

	target_path(&target, "/v1/exec/", input->id, "/stdin");
	if (input->is_placed || !input->is_typed)
		target_add_number(&target, "offset", input->offset);
	input->has_sent_eof = input->is_eof && input->next.len == 0 &&
			      !input->must_ask;
	if (input->has_sent_eof)
		target_add(&target, "eof", "true");
	request.target = buf_text(&target);
	buf_clear(&input->answer);
	input->was_answered = false;
	input->call = client_call_start(input->client, &request, CLIENT_PATIENT,
					&events, input, &err);
	if (input->call == NULL)
		try_again(input, &err);
	else
		input->is_sending = true;
}

/* Typed before the answer, all waits for it. */
static void
ask_place(struct exec_input *input)
{
	input->must_ask = true;
	post_sent(input);
}

/* What was read becomes what is sent, if there is anything. */
static void
send_next(struct exec_input *input)
{
	struct buf empty = input->sent;

	if (input->sent.len == 0) {
		input->sent = input->next;
		input->next = empty;
	}
	watch(input);
	if (input->sent.len > 0 || input->is_eof)
		post_sent(input);
}

static void
on_retry(uv_timer_t *timer)
{
	post_sent(container_of(timer, struct exec_input, retry));
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct exec_input *input = handle->data;

	if (--input->n_handles > 0)
		return;
	if (input->epoll_fd >= 0)
		close(input->epoll_fd);
	buf_fini(&input->next);
	buf_fini(&input->sent);
	buf_fini(&input->answer);
	free(input->id);
	free(input);
}

static void
adopt(struct exec_input *input, uv_handle_t *handle)
{
	handle->data = input;
	input->n_handles++;
}

/* An epoll instance with the descriptor in it; -1: it cannot be watched. */
static int
open_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	AUTO_CLOSE int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -1;
	return TAKE_FD(epoll_fd);
}

struct exec_input *
exec_input_start(const struct exec_input_config *config)
{
	struct uv_loop_s *loop = client_loop(config->client);
	struct exec_input *input = xcalloc(1, sizeof(*input));

	input->client = config->client;
	input->id = xstrdup(config->id);
	input->fd = config->fd;
	input->on_fail = config->on_fail;
	input->on_escape = config->on_escape;
	input->escape = config->escape;
	input->owner = config->owner;
	buf_init(&input->next, MOST);
	buf_init(&input->sent, MOST);
	buf_init(&input->answer, MAX_ANSWER);
	uv_timer_init(loop, &input->retry);
	adopt(input, (uv_handle_t *)&input->retry);
	input->epoll_fd = open_epoll(config->fd);
	if (input->epoll_fd >= 0) {
		uv_poll_init(loop, &input->readable, input->epoll_fd);
		adopt(input, (uv_handle_t *)&input->readable);
	} else {
		uv_idle_init(loop, &input->always);
		adopt(input, (uv_handle_t *)&input->always);
	}
	input->is_typed = isatty(config->fd);
	if (input->is_typed)
		ask_place(input);
	watch(input);
	return input;
}

void
exec_input_free(struct exec_input *input)
{
	if (input == NULL || input->is_freed)
		return;
	input->is_freed = true;
	if (input->call)
		client_call_cancel(TAKE(input->call));
	uv_close((uv_handle_t *)&input->retry, on_handle_closed);
	if (input->epoll_fd >= 0)
		uv_close((uv_handle_t *)&input->readable, on_handle_closed);
	else
		uv_close((uv_handle_t *)&input->always, on_handle_closed);
}
