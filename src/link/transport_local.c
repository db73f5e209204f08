/* SPDX-License-Identifier: ISC */

/*
 * A machine that is this host: commands are children, sockets are connected.
 *
 * It is there for tests and as the plainest form of the interface: what it
 * does at once, the others do over a wire.  It is up as soon as the loop turns
 * and never goes down.
 *
 * A command without a terminal has three pipes, each a stream of its own: a
 * command that stops reading must not cut what it still says.  With one, it is
 * the leader of a session whose terminal we hold.  Its end is told when it was
 * reaped and its output has ended.  A channel that is closed before sends it a
 * hang-up; the child is reaped by its own watch, which outlives the channel.
 *
 * All calls to owners come from the loop.  What a callback learns is noted
 * first and the owner is called last, since he may close the channel.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <uv.h>

#include "core/clock.h"
#include "core/list.h"
#include "core/mem.h"
#include "core/sock.h"
#include "core/text.h"
#include "http/stream.h"
#include "link/transport.h"
#include "link/transport_local_spawn.h"

#define END_OF_INPUT "\x04" /* what a terminal takes for it */

struct local {
	struct transport base;
	struct transport_config config;
	struct list channels;
	uv_idle_t later;
	enum { STEP_STAGE, STEP_UP, STEP_DONE } step;
	void (*on_pong)(void *owner, uint64_t us);
	uint64_t pinged_ns;
};

/* A process; it may outlive the channel that started it. */
struct child {
	uv_poll_t watch;
	pid_t pid;
	int pidfd;
	struct local_channel *channel; /* NULL: nobody asks for its end */
};

/* What `later' has to tell, in this order. */
enum { TELL_OPEN = 1u << 0, TELL_EXIT = 1u << 1, TELL_CLOSE = 1u << 2 };

struct local_channel {
	struct channel base;
	struct list link;
	struct local *local;
	const struct channel_events *events;
	void *owner;
	bool is_command, has_tty;

	struct stream *in, *err_in; /* what it says; NULL: ended */
	struct stream *out;	    /* what it is told; `in' of a socket */
	struct child *child;
	int status; /* of waitpid */
	bool has_exited, is_ended, is_shut, owes_drain;

	uv_idle_t later;
	unsigned tell;
	struct err why;
};

static void on_later(uv_idle_t *later);

static void
tell_later(struct local_channel *ch, unsigned what)
{
	ch->tell |= what;
	uv_idle_start(&ch->later, on_later);
}

/* Children */

static void
on_watch_closed(uv_handle_t *handle)
{
	struct child *child = container_of((uv_poll_t *)handle, struct child,
					   watch);

	close(child->pidfd);
	free(child);
}

/* Everything it said was heard, and it has ended. */
static void
maybe_tell_end(struct local_channel *ch)
{
	if (ch->is_command && ch->has_exited && ch->in == NULL &&
	    ch->err_in == NULL)
		tell_later(ch, TELL_EXIT | TELL_CLOSE);
}

static void
on_child_end(uv_poll_t *watch, int status UNUSED, int events UNUSED)
{
	struct child *child = container_of(watch, struct child, watch);
	struct local_channel *ch = child->channel;
	int how = 0;

	if (waitpid(child->pid, &how, WNOHANG) == 0)
		return;
	(void)uv_poll_stop(watch);
	uv_close((uv_handle_t *)watch, on_watch_closed);
	if (ch == NULL)
		return;
	ch->child = NULL;
	ch->has_exited = true;
	ch->status = how;
	maybe_tell_end(ch);
}

static int
watch_child(struct local_channel *ch, pid_t pid, struct err *err)
{
	struct child *child = xcalloc(1, sizeof(*child));

	child->pid = pid;
	child->channel = ch;
	child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (child->pidfd < 0 || uv_poll_init(ch->local->config.loop,
					     &child->watch, child->pidfd) < 0) {
		err_sys(err, "watch process %d", pid);
		if (child->pidfd >= 0)
			close(child->pidfd);
		(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		free(child);
		return -1;
	}
	ch->child = child;
	return uv_poll_start(&child->watch, UV_READABLE, on_child_end);
}

/* Streams */

static void
on_said(struct stream *stream, const void *bytes, size_t n, void *owner)
{
	struct local_channel *ch = owner;

	ch->events->on_data(&ch->base, stream == ch->err_in ? 2 : 1, bytes, n,
			    ch->owner);
}

static void
close_socket(struct local_channel *ch)
{
	stream_close(TAKE(ch->in));
	ch->out = NULL;
	tell_later(ch, TELL_CLOSE);
}

/* A socket's end: it may still be written to, unless that broke. */
static void
on_socket_end(struct local_channel *ch, const struct err *err)
{
	bool was_ended = ch->is_ended;

	ch->is_ended = true;
	if (err || ch->is_shut) {
		if (err && !was_ended)
			ch->why = *err;
		if (err || stream_pending(ch->in) == 0)
			close_socket(ch);
	}
	if (err == NULL && ch->events->on_eof)
		ch->events->on_eof(&ch->base, ch->owner);
}

static void
on_said_end(struct stream *stream, const struct err *err, void *owner)
{
	struct local_channel *ch = owner;

	if (!ch->is_command) {
		on_socket_end(ch, err);
		return;
	}
	if (stream == ch->out)
		ch->out = NULL; /* of a terminal */
	if (stream == ch->err_in)
		ch->err_in = NULL;
	else
		ch->in = NULL;
	stream_close(stream);
	if (ch->in || ch->err_in)
		return;
	maybe_tell_end(ch);
	if (ch->events->on_eof)
		ch->events->on_eof(&ch->base, ch->owner);
}

static void
on_drained(struct stream *stream UNUSED, void *owner)
{
	struct local_channel *ch = owner;

	ch->owes_drain = false;
	if (ch->events->on_drain)
		ch->events->on_drain(&ch->base, ch->owner);
}

/* Both directions of a socket are done with. */
static void
on_said_sent(struct stream *stream UNUSED, void *owner)
{
	struct local_channel *ch = owner;

	if (!ch->is_command && ch->is_ended && ch->is_shut)
		close_socket(ch);
}

static const struct stream_events said_events = {
	.on_data = on_said,
	.on_end = on_said_end,
	.on_drain = on_drained,
	.on_sent = on_said_sent,
};

static void
on_input_data(struct stream *stream UNUSED, const void *bytes UNUSED,
	      size_t n UNUSED, void *owner UNUSED)
{
}

/* The command reads no more: what is written from now on is for nobody. */
static void
on_input_end(struct stream *stream, const struct err *err UNUSED, void *owner)
{
	struct local_channel *ch = owner;

	ch->out = NULL;
	stream_close(stream);
	if (ch->owes_drain)
		on_drained(NULL, ch);
}

static void
on_input_sent(struct stream *stream, void *owner)
{
	struct local_channel *ch = owner;

	if (!ch->is_shut)
		return;
	ch->out = NULL;
	stream_close(stream);
}

static const struct stream_events input_events = {
	.on_data = on_input_data,
	.on_end = on_input_end,
	.on_drain = on_drained,
	.on_sent = on_input_sent,
};

/* The descriptor is taken, also on failure. */
static struct stream *
make_stream(struct local_channel *ch, int fd,
	    const struct stream_events *events, struct err *err)
{
	struct stream *stream = stream_new(ch->local->config.loop, fd, fd,
					   events, ch, err);

	if (stream == NULL)
		close(fd);
	return stream;
}

/* Sockets */

static int
connect_unix(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = -1;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, ERR_INVALID, "the path is too long");
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(err, "connect to %s", path);
	return TAKE_FD(fd);
}

static int
connect_tcp(const char *host, uint16_t port, struct err *err)
{
	const char *numeric = str_eq(host, "localhost") ? "127.0.0.1" : host;
	bool is_v6 = strchr(numeric, ':') != NULL;
	AUTO_FREE char *address = xasprintf("%s%s%s:%u", is_v6 ? "[" : "",
					    numeric, is_v6 ? "]" : "", port);

	return sock_connect_tcp(address, err);
}

static int
open_socket(struct local_channel *ch, const struct channel_spec *spec,
	    struct err *err)
{
	int fd = spec->kind == CHANNEL_UNIX
		     ? connect_unix(spec->what, err)
		     : connect_tcp(spec->what, spec->port, err);

	if (fd < 0)
		return -1;
	ch->in = ch->out = make_stream(ch, fd, &said_events, err);
	return ch->in ? 0 : -1;
}

/* Commands */

static int
make_streams(struct local_channel *ch, struct local_process *process,
	     struct err *err)
{
	int *fds = process->fds;

	if (ch->has_tty) {
		ch->in = ch->out = make_stream(ch, TAKE_FD(fds[0]),
					       &said_events, err);
		return ch->in ? 0 : -1;
	}
	ch->out = make_stream(ch, TAKE_FD(fds[0]), &input_events, err);
	ch->in = make_stream(ch, TAKE_FD(fds[1]), &said_events, err);
	ch->err_in = make_stream(ch, TAKE_FD(fds[2]), &said_events, err);
	return ch->out && ch->in && ch->err_in ? 0 : -1;
}

static int
open_command(struct local_channel *ch, const struct channel_spec *spec,
	     struct err *err)
{
	struct local_process process = LOCAL_PROCESS_INIT;
	int rc;

	ch->is_command = true;
	ch->has_tty = spec->has_tty;
	if (local_spawn(spec, &process, err) < 0)
		return -1;
	rc = watch_child(ch, process.pid, err);
	if (rc == 0)
		rc = make_streams(ch, &process, err);
	local_process_fini(&process);
	return rc;
}

/* Channels */

static void
on_channel_closed(uv_handle_t *handle)
{
	free(container_of((uv_idle_t *)handle, struct local_channel, later));
}

static void
channel_free(struct local_channel *ch)
{
	list_unlink(&ch->link);
	if (ch->out && ch->out != ch->in)
		stream_close(ch->out);
	stream_close(ch->in);
	stream_close(ch->err_in);
	if (ch->child) {
		ch->child->channel = NULL;
		(void)kill(-ch->child->pid, SIGHUP);
	}
	uv_close((uv_handle_t *)&ch->later, on_channel_closed);
}

/* A signal's name as SSH has it. */
static const char *
signal_name(int sig)
{
	const char *name = sigabbrev_np(sig);

	return name ? name : "KILL";
}

static void
on_later(uv_idle_t *later)
{
	struct local_channel *ch = container_of(later, struct local_channel,
						later);
	unsigned what = ch->tell & -ch->tell;
	const struct channel_events *events = ch->events;
	struct err why = ch->why;
	void *owner = ch->owner;

	ch->tell &= ~what;
	if (ch->tell == 0)
		uv_idle_stop(later);
	if (what == TELL_OPEN) {
		if (events->on_open)
			events->on_open(&ch->base, owner);
	} else if (what == TELL_EXIT) {
		bool is_exit = WIFEXITED(ch->status);

		if (events->on_exit)
			events->on_exit(
			    &ch->base, is_exit ? WEXITSTATUS(ch->status) : 0,
			    is_exit ? NULL : signal_name(WTERMSIG(ch->status)),
			    owner);
	} else {
		/* The memory stays until the loop has closed the handle. */
		channel_free(ch);
		events->on_close(&ch->base, why.code ? &why : NULL, owner);
	}
}

static struct channel *
local_open(struct transport *transport, const struct channel_spec *spec,
	   const struct channel_events *events, void *owner,
	   struct err *err UNUSED)
{
	struct local *local = container_of(transport, struct local, base);
	struct local_channel *ch = xcalloc(1, sizeof(*ch));
	bool is_command = spec->kind == CHANNEL_COMMAND ||
			  spec->kind == CHANNEL_SUBSYSTEM;
	int rc;

	ch->base.ops = &transport_local;
	ch->local = local;
	ch->events = events;
	ch->owner = owner;
	list_append(&local->channels, &ch->link);
	uv_idle_init(local->config.loop, &ch->later);
	rc = is_command ? open_command(ch, spec, &ch->why)
			: open_socket(ch, spec, &ch->why);
	if (rc < 0)
		ch->why.code = ERR_DENIED;
	tell_later(ch, rc < 0 ? TELL_CLOSE : TELL_OPEN);
	return &ch->base;
}

static struct local_channel *
of(struct channel *channel)
{
	return container_of(channel, struct local_channel, base);
}

static bool
local_write(struct channel *channel, const void *bytes, size_t n)
{
	struct local_channel *ch = of(channel);

	if (ch->out == NULL || ch->is_shut)
		return false;
	ch->owes_drain = stream_write(ch->out, bytes, n);
	return ch->owes_drain;
}

static void
local_write_end(struct channel *channel)
{
	struct local_channel *ch = of(channel);

	if (ch->out == NULL || ch->is_shut)
		return;
	if (ch->has_tty) {
		(void)stream_write(ch->out, END_OF_INPUT, 1);
		ch->is_shut = true;
		return;
	}
	ch->is_shut = true;
	if (!ch->is_command) {
		stream_shutdown(ch->out);
		if (ch->is_ended && stream_pending(ch->out) == 0)
			close_socket(ch);
	} else if (stream_pending(ch->out) == 0) {
		stream_close(TAKE(ch->out));
	}
}

static void
local_pause(struct channel *channel)
{
	struct local_channel *ch = of(channel);

	if (ch->in)
		stream_pause(ch->in);
	if (ch->err_in)
		stream_pause(ch->err_in);
}

static void
local_resume(struct channel *channel)
{
	struct local_channel *ch = of(channel);

	if (ch->in)
		stream_resume(ch->in);
	if (ch->err_in)
		stream_resume(ch->err_in);
}

static void
local_resize(struct channel *channel, uint16_t cols, uint16_t rows)
{
	const struct winsize window = { .ws_col = cols, .ws_row = rows };
	struct local_channel *ch = of(channel);

	if (ch->has_tty && ch->in)
		(void)ioctl(stream_fd(ch->in), TIOCSWINSZ, &window);
}

static void
local_signal(struct channel *channel, const char *name)
{
	struct local_channel *ch = of(channel);

	for (int sig = 1; ch->child && sig < NSIG; sig++) {
		const char *known = sigabbrev_np(sig);

		if (known && str_eq(known, name))
			(void)kill(-ch->child->pid, sig);
	}
}

static void
local_close(struct channel *channel)
{
	channel_free(of(channel));
}

/* The transport */

static void
on_step(uv_idle_t *later)
{
	struct local *local = container_of(later, struct local, later);
	const struct transport_config *config = &local->config;

	if (local->step == STEP_STAGE) {
		local->step = STEP_UP;
		if (config->events->on_stage)
			config->events->on_stage(&local->base, "connect",
						 config->owner);
		return;
	}
	uv_idle_stop(later);
	if (local->step == STEP_UP) {
		local->step = STEP_DONE;
		if (local->on_pong)
			uv_idle_start(later, on_step);
		config->events->on_up(&local->base, config->owner);
	} else if (local->on_pong) {
		TAKE(local->on_pong)
		(config->owner, (clock_boot_ns() - local->pinged_ns) / 1000);
	}
}

static struct transport *
local_new(const struct transport_config *config, struct err *err UNUSED)
{
	struct local *local = xcalloc(1, sizeof(*local));

	local->base.ops = &transport_local;
	local->config = *config;
	list_init(&local->channels);
	uv_idle_init(config->loop, &local->later);
	uv_idle_start(&local->later, on_step);
	return &local->base;
}

static void
on_local_closed(uv_handle_t *handle)
{
	free(container_of((uv_idle_t *)handle, struct local, later));
}

static void
local_free(struct transport *transport)
{
	struct local *local = container_of(transport, struct local, base);
	struct local_channel *ch;

	list_for_each (ch, &local->channels, link)
		channel_free(ch);
	uv_close((uv_handle_t *)&local->later, on_local_closed);
}

static void
local_answer(struct transport *transport UNUSED, const char *text UNUSED)
{
}

static void
local_ping(struct transport *transport,
	   void (*on_pong)(void *owner, uint64_t us))
{
	struct local *local = container_of(transport, struct local, base);

	local->on_pong = on_pong;
	local->pinged_ns = clock_boot_ns();
	uv_idle_start(&local->later, on_step);
}

const struct transport_ops transport_local = {
	.name = "local",
	.new = local_new,
	.free = local_free,
	.answer = local_answer,
	.open = local_open,
	.write = local_write,
	.write_end = local_write_end,
	.pause = local_pause,
	.resume = local_resume,
	.resize = local_resize,
	.signal = local_signal,
	.close = local_close,
	.ping = local_ping,
};
