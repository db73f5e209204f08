/* SPDX-License-Identifier: ISC */

/*
 * Streams on descriptors; see stream.h.
 *
 * Callbacks are called from two places only, on_poll and on_later; whatever a
 * public function learns (a write failed, bytes are there again) waits for
 * on_later, which an idle handle calls in the next turn of the loop.
 *
 * Each change of what libuv watches costs a system call at once and one later.
 * So a pause only sets a flag; the descriptor is left alone until it becomes
 * readable while nobody wants it.
 *
 * After the peer's end, UV_PRIORITIZED is watched: it never fires by itself,
 * but a hang-up is always reported, and so we learn that a peer which first
 * finished sending has gone altogether.
 *

 * Invariants: is_broken implies an empty queue; is_closed implies that only the
 handles' close callbacks come.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "core/list.h"
#include "core/mem.h"
#include "http/sendq.h"

#include "http/stream.h"

#define LOW_WATER (64u << 10) /* on_drain at this much or less */
#define READ_SIZE (64u << 10) /* one read, on the stack */
#define READS_PER_TURN 4      /* then others have their turn */
#define READS_AT_END 64	      /* what a dead peer may still have sent */
#define SENT_PER_TURN (4u << 20)
#define SEND_MS 30000  /* stream_close_after_write: to send what is kept */
#define LINGER_MS 2000 /* ... to let the peer read it */
/*
 * ... and what it may send meanwhile.  Many read only when all of their message
 * is sent, so this is more than a file of 50 MiB in base64, the largest
 * request there is by default.
 */
#define LINGER_BYTES (128u << 20)

enum { IN, OUT };

struct stream {
	uv_poll_t poll[2]; /* OUT only if it is another descriptor */
	int watched[2];	   /* the events asked for */
	uv_idle_t later;
	uv_timer_t *deadline; /* of stream_close_after_write */
	struct list link;     /* in `lingering', from then on */
	unsigned n_handles;

	int fd[2];
	int flags[2]; /* as they came */
	const struct stream_events *events;
	void *owner;

	struct sendq queue;
	struct buf unread;
	size_t n_thrown;

	enum err_code broken_code;
	int broken_sys;
	const char *broken_why;

	bool is_pair;
	bool is_socket;
	bool is_reading;
	bool is_ended;	/* the peer finished sending */
	bool is_full;	/* on_drain is owed */
	bool is_shut;	/* no more writes */
	bool is_broken; /* on_end is owed or was called */
	bool is_told;	/* ... was called */
	bool is_deaf;	/* out-of-band bytes: stop waiting for hang-ups */
	bool is_closed;
};

/* Those that are their own owners. */
static struct list lingering = LIST_INIT(lingering);

static void on_poll(uv_poll_t *, int status, int events);
static void on_later(uv_idle_t *);

/* Have on_later called in the next turn of the loop. */
static void
later(struct stream *s)
{
	if (s->events)
		uv_idle_start(&s->later, on_later);
}

/* Have libuv watch `events' of one side; nothing happens if it does. */
static void
watch_side(struct stream *s, int side, int events)
{
	if (s->watched[side] == events)
		return;
	s->watched[side] = events;
	if (events)
		uv_poll_start(&s->poll[side], events, on_poll);
	else
		uv_poll_stop(&s->poll[side]);
}

/* Watch what is wanted now.  An unwanted readability may stay if `lazily'. */
static void
watch(struct stream *s, bool lazily)
{
	int hang_up = s->is_deaf ? 0 : UV_PRIORITIZED;
	int in = 0, out = 0;

	if (!s->is_broken && !s->is_ended) {
		if (s->is_reading)
			in = UV_READABLE;
		else if (lazily)
			in = s->watched[IN] & UV_READABLE;
	} else if (!s->is_broken) {
		in = hang_up;
	}
	if (!s->is_broken && s->queue.n_bytes > 0)
		out = UV_WRITABLE;

	if (!s->is_pair) {
		watch_side(s, IN, in | out);
		return;
	}
	watch_side(s, IN, in & ~UV_PRIORITIZED);
	if (s->fd[OUT] >= 0)
		watch_side(s, OUT, out || s->is_broken ? out : hang_up);
}

/* The stream is of no use any more; on_later says so. */
static void
break_stream(struct stream *s, enum err_code code, int sys, const char *why)
{
	if (s->is_broken)
		return;
	s->is_broken = true;
	s->broken_code = code;
	s->broken_sys = sys;
	s->broken_why = why;
	sendq_clear(&s->queue);
	later(s);
}

static void
break_by_errno(struct stream *s, int sys, const char *why)
{
	if (sys == ENODATA)
		break_stream(s, ERR_SYSTEM, EIO,
			     "a file is shorter than announced");
	else if (sys == EPIPE || sys == ECONNRESET)
		break_stream(s, ERR_UNREACHABLE, sys,
			     "the peer closed the connection");
	else
		break_stream(s, ERR_UNREACHABLE, sys, why);
}

/* Others may share the description: leave it as it was. */
static void
restore_flags(struct stream *s, int side)
{
	if (s->fd[side] >= 0 && !(s->flags[side] & O_NONBLOCK))
		(void)fcntl(s->fd[side], F_SETFL, s->flags[side]);
}

static void
shut_now(struct stream *s)
{
	if (!s->is_pair) {
		(void)shutdown(s->fd[OUT], SHUT_WR);
		return;
	}
	watch_side(s, OUT, 0);
	restore_flags(s, OUT);
	close(s->fd[OUT]);
	s->fd[OUT] = -1;
}

/* Send what the descriptor takes, up to one turn's share. */
static void
flush(struct stream *s)
{
	if (sendq_flush(&s->queue, s->fd[OUT], SENT_PER_TURN) < 0)
		break_by_errno(s, errno, "write");
	else if (s->queue.n_bytes == 0 && s->is_shut)
		shut_now(s);
}

static void
tell_flushed(struct stream *s)
{
	const struct stream_events *events = s->events;
	bool is_drained = s->is_full && s->queue.n_bytes <= LOW_WATER;
	bool is_sent = s->queue.n_bytes == 0;

	if (is_drained)
		s->is_full = false;
	if (is_drained && events->on_drain)
		events->on_drain(s, s->owner);
	if (is_sent && !s->is_closed && s->events && s->queue.n_bytes == 0 &&
	    s->events->on_sent)
		s->events->on_sent(s, s->owner);
}

/* Deliver what was given back.  The callback may give back again. */
static void
give_unread(struct stream *s)
{
	AUTO_BUF mine = s->unread;

	s->unread = (struct buf)BUF_INIT(SIZE_MAX - 1);
	s->events->on_data(s, buf_bytes(&mine), mine.len, s->owner);
}

static bool
may_give(const struct stream *s)
{
	return !s->is_closed && s->is_reading && s->events;
}

static bool
may_read(const struct stream *s)
{
	return may_give(s) && !s->is_ended;
}

/* One read and its callback; false when there is nothing more to read. */
static bool
read_once(struct stream *s)
{
	uint8_t room[READ_SIZE];
	ssize_t got;

	if (s->unread.len > 0) {
		give_unread(s);
		return true;
	}
	do
		got = read(s->fd[IN], room, sizeof(room));
	while (got < 0 && errno == EINTR);

	if (got > 0) {
		s->events->on_data(s, room, (size_t)got, s->owner);
		return (size_t)got == sizeof(room);
	}
	/* A terminal whose other side is gone gives EIO. */
	if (got == 0 || (errno == EIO && !s->is_socket)) {
		s->is_ended = true;
		s->events->on_end(s, NULL, s->owner);
	} else if (errno != EAGAIN) {
		break_by_errno(s, errno, "read");
	}
	return false;
}

static void
read_some(struct stream *s, unsigned turns)
{
	while (turns-- > 0 && may_read(s)) {
		if (!read_once(s))
			return;
	}
}

/* Something is up that is neither bytes nor room: has the peer gone? */
static void
check_hang_up(struct stream *s, int side)
{
	struct pollfd p = { .fd = s->fd[side] };

	if (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR))
		break_by_errno(s, EPIPE, "hang-up");
	else
		s->is_deaf = true;
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct stream *s = poll->data;
	int side = poll == &s->poll[OUT] ? OUT : IN;
	bool is_unwanted = events & UV_READABLE && !s->is_reading;

	if (status < 0) {
		/* libuv stopped watching; the calls will say what is wrong. */
		uv_poll_stop(poll);
		s->watched[side] = 0;
		events = UV_READABLE | UV_WRITABLE | UV_PRIORITIZED;
	}
	if (events & UV_READABLE)
		read_some(s, READS_PER_TURN);
	if (events & UV_WRITABLE && !s->is_closed && s->queue.n_bytes > 0) {
		flush(s);
		if (!s->is_broken && s->events)
			tell_flushed(s);
	}
	if (events & UV_PRIORITIZED && !s->is_closed && !s->is_broken &&
	    s->fd[side] >= 0)
		check_hang_up(s, side);
	if (!s->is_closed)
		watch(s, !is_unwanted);
}

static void
tell_broken(struct stream *s)
{
	struct err err = ERR_INIT;

	read_some(s, READS_AT_END);
	if (s->is_closed || s->events == NULL)
		return;
	errno = s->broken_sys;
	err_sys(&err, "%s", s->broken_why);
	err.code = s->broken_code;
	s->is_told = true;
	s->events->on_end(s, &err, s->owner);
}

static void
on_later(uv_idle_t *later)
{
	struct stream *s = container_of(later, struct stream, later);

	uv_idle_stop(later);
	if (s->unread.len > 0 && may_give(s))
		give_unread(s);
	if (s->is_closed)
		return;
	if (s->is_broken && !s->is_told && s->events)
		tell_broken(s);
	if (!s->is_closed && s->unread.len > 0 && may_give(s))
		uv_idle_start(later, on_later);
	if (!s->is_closed)
		watch(s, true);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;

	if (--s->n_handles > 0)
		return;
	buf_fini(&s->unread);
	free(s);
}

static void
close_handle(struct stream *s, uv_handle_t *handle)
{
	handle->data = s;
	s->n_handles++;
	uv_close(handle, on_handle_closed);
}

static void
on_deadline_closed(uv_handle_t *handle)
{
	free(handle);
}

/* End the handles; the descriptors are still open, and as they came. */
static void
close_handles(struct stream *s)
{
	s->is_closed = true;
	sendq_clear(&s->queue);
	close_handle(s, (uv_handle_t *)&s->poll[IN]);
	if (s->is_pair)
		close_handle(s, (uv_handle_t *)&s->poll[OUT]);
	close_handle(s, (uv_handle_t *)&s->later);
	if (s->deadline)
		uv_close((uv_handle_t *)s->deadline, on_deadline_closed);
	restore_flags(s, IN);
	restore_flags(s, OUT);
}

static int
init_poll(struct stream *s, uv_loop_t *loop, int side, struct err *err)
{
	int rc;

	s->poll[side].data = s;
	s->flags[side] = fcntl(s->fd[side], F_GETFL);
	rc = uv_poll_init(loop, &s->poll[side], s->fd[side]);
	if (rc == UV_EPERM)
		return err_set(err, ERR_UNSUPPORTED,
			       "descriptor %d is a regular file or the like; a "
			       "socket, pipe or terminal is needed",
			       s->fd[side]);
	if (rc < 0) {
		errno = -rc;
		return err_sys(err, "watch descriptor %d", s->fd[side]);
	}
	return 0;
}

static void
on_half_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct stream *
stream_new(uv_loop_t *loop, int in_fd, int out_fd,
	   const struct stream_events *events, void *owner, struct err *err)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	struct stat st;

	s->fd[IN] = in_fd;
	s->fd[OUT] = out_fd;
	s->is_pair = in_fd != out_fd;
	s->is_socket = fstat(out_fd, &st) == 0 && S_ISSOCK(st.st_mode);
	s->events = events;
	s->owner = owner;
	s->unread = (struct buf)BUF_INIT(SIZE_MAX - 1);
	sendq_init(&s->queue, s->is_socket);
	list_init(&s->link);

	if (init_poll(s, loop, IN, err) < 0) {
		free(s);
		return NULL;
	}
	s->flags[OUT] = s->flags[IN];
	if (s->is_pair && init_poll(s, loop, OUT, err) < 0) {
		/* The first handle is known to the loop until it is closed. */
		restore_flags(s, IN);
		uv_close((uv_handle_t *)&s->poll[IN], on_half_closed);
		return NULL;
	}
	uv_idle_init(loop, &s->later);
	return s;
}

void
stream_close(struct stream *s)
{
	if (s == NULL)
		return;
	assert(!s->is_closed);
	list_unlink(&s->link);
	close_handles(s);
	close(s->fd[IN]);
	if (s->is_pair && s->fd[OUT] >= 0)
		close(s->fd[OUT]);
}

void
stream_detach(struct stream *s, int *ret_in, int *ret_out)
{
	assert(!s->is_closed);
	close_handles(s);
	*ret_in = s->fd[IN];
	*ret_out = s->fd[OUT];
}

/* stream_close_after_write: the stream is its own owner. */

static void
linger_data(struct stream *s, const void *bytes UNUSED, size_t n,
	    void *owner UNUSED)
{
	s->n_thrown += n;
	if (s->n_thrown > LINGER_BYTES)
		stream_close(s);
}

static void
linger_end(struct stream *s, const struct err *err UNUSED, void *owner UNUSED)
{
	stream_close(s);
}

static void
on_linger_deadline(uv_timer_t *timer)
{
	stream_close(timer->data);
}

/* All is sent; what is read from now on is thrown away. */
static void
linger_sent(struct stream *s, void *owner UNUSED)
{
	if (s->is_ended) {
		stream_close(s);
		return;
	}
	uv_timer_start(s->deadline, on_linger_deadline, LINGER_MS, 0);
	stream_resume(s);
}

static const struct stream_events linger_events = {
	.on_data = linger_data,
	.on_end = linger_end,
	.on_sent = linger_sent,
};

void
stream_close_after_write(struct stream *s)
{
	assert(!s->is_closed);
	if (s->is_broken || (s->is_ended && s->queue.n_bytes == 0)) {
		stream_close(s);
		return;
	}
	stream_shutdown(s);
	stream_pause(s);
	stream_set_events(s, &linger_events, NULL);
	list_append(&lingering, &s->link);
	s->deadline = xmalloc(sizeof(*s->deadline));
	uv_timer_init(s->later.loop, s->deadline);
	s->deadline->data = s;
	uv_timer_start(s->deadline, on_linger_deadline, SEND_MS, 0);
	if (s->queue.n_bytes == 0)
		linger_sent(s, NULL);
}

void
stream_end_lingering(void)
{
	while (!list_is_empty(&lingering))
		stream_close(list_entry(lingering.next, struct stream, link));
}

void
stream_set_events(struct stream *s, const struct stream_events *events,
		  void *owner)
{
	s->events = events;
	s->owner = owner;
	later(s);
}

void
stream_resume(struct stream *s)
{
	s->is_reading = true;
	if (s->unread.len > 0)
		later(s);
	watch(s, true);
}

void
stream_pause(struct stream *s)
{
	s->is_reading = false;
}

void
stream_unread(struct stream *s, const void *bytes, size_t n)
{
	AUTO_BUF newer = s->unread;

	s->unread = (struct buf)BUF_INIT(SIZE_MAX - 1);
	buf_add(&s->unread, bytes, n);
	buf_add(&s->unread, buf_bytes(&newer), newer.len);
	if (s->is_reading)
		later(s);
}

static bool
say_full(struct stream *s)
{
	watch(s, true);
	if (s->queue.n_bytes > STREAM_HIGH_WATER)
		s->is_full = true;
	return stream_is_full(s);
}

bool
stream_writev(struct stream *s, const struct iovec *pieces, size_t n, bool more)
{
	if (s->is_broken || s->is_shut)
		return false;
	if (sendq_add(&s->queue, s->fd[OUT], pieces, n, more) < 0)
		break_by_errno(s, errno, "write");
	return say_full(s);
}

bool
stream_write(struct stream *s, const void *bytes, size_t n)
{
	struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes,
			       .iov_len = n };

	return stream_writev(s, &piece, 1, false);
}

bool
stream_write_file(struct stream *s, int fd, uint64_t offset, uint64_t n)
{
	if (s->is_broken || s->is_shut)
		return false;
	if (sendq_add_file(&s->queue, s->fd[OUT], fd, offset, n) < 0)
		break_by_errno(s, errno, "send a file");
	return say_full(s);
}

void
stream_shutdown(struct stream *s)
{
	if (s->is_shut || s->is_broken)
		return;
	s->is_shut = true;
	if (s->queue.n_bytes == 0)
		shut_now(s);
}

uint64_t
stream_pending(const struct stream *s)
{
	return s->queue.n_bytes;
}

bool
stream_is_full(const struct stream *s)
{
	return s->is_full && !s->is_broken;
}

uv_loop_t *
stream_loop(const struct stream *s)
{
	return s->later.loop;
}

int
stream_fd(const struct stream *s)
{
	return s->fd[IN];
}
