/* SPDX-License-Identifier: ISC */

/* Channels that are processes; see shell_transport.h. */

#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/mem.h"
#include "core/strv.h"
#include "link/transport.h"
#include "tests/tools/shell_transport.h"

#define FULL (256u << 10)

extern char **environ;

struct shell_transport {
	struct transport transport;
	uv_loop_t *loop;
	char *const *prefix;
	char *const *env;
	size_t cut_after; /* SIZE_MAX: never */
};

struct shell_channel {
	struct channel channel;
	const struct channel_events *events; /* NULL: closed by the owner */
	void *owner;
	uv_process_t process;
	uv_pipe_t pipes[3];
	uv_timer_t opened;
	char bytes[65536];
	unsigned n_handles, n_eof;
	size_t until_cut;
	int status, signal;
	bool has_exited, is_full;
};

struct pending {
	uv_write_t write;
	struct shell_channel *c;
	char bytes[];
};

static void
on_handle_closed(uv_handle_t *handle)
{
	struct shell_channel *c = handle->data;

	if (--c->n_handles == 0)
		free(c);
}

static void
close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_handle_closed);
}

static void
close_pipes(struct shell_channel *c)
{
	for (int i = 0; i < 3; i++)
		close_handle((uv_handle_t *)&c->pipes[i]);
	close_handle((uv_handle_t *)&c->opened);
}

/* Exited, and all of its output was read. */
static void
maybe_end(struct shell_channel *c)
{
	const struct channel_events *events = c->events;

	if (!c->has_exited)
		return;
	if (events == NULL) {
		close_handle((uv_handle_t *)&c->process);
		return;
	}
	if (c->n_eof < 2)
		return;
	c->events = NULL;
	close_pipes(c);
	close_handle((uv_handle_t *)&c->process);
	if (events->on_exit)
		events->on_exit(&c->channel, c->status,
				c->signal ? "TERM" : NULL, c->owner);
	events->on_close(&c->channel, NULL, c->owner);
}

static void
on_process_exit(uv_process_t *process, int64_t status, int signal)
{
	struct shell_channel *c = process->data;

	c->has_exited = true;
	c->status = (int)status;
	c->signal = signal;
	maybe_end(c);
}

static void
on_alloc(uv_handle_t *handle, size_t wanted UNUSED, uv_buf_t *ret)
{
	struct shell_channel *c = handle->data;

	*ret = uv_buf_init(c->bytes, sizeof(c->bytes));
}

static void
cut(struct shell_channel *c)
{
	const struct channel_events *events = c->events;
	struct err err = ERR_INIT;

	err_set(&err, ERR_UNREACHABLE, "cut");
	c->events = NULL;
	close_pipes(c);
	events->on_close(&c->channel, &err, c->owner);
	maybe_end(c);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct shell_channel *c = stream->data;
	int fd = stream == (uv_stream_t *)&c->pipes[1] ? 1 : 2;
	bool is_cut = fd == 1 && n > 0 && (size_t)n > c->until_cut;

	if (is_cut)
		n = (ssize_t)c->until_cut;
	if (c->events && n > 0)
		c->events->on_data(&c->channel, fd, bytes->base, (size_t)n,
				   c->owner);
	if (fd == 1 && n > 0)
		c->until_cut -= (size_t)n;
	if (c->events && is_cut) {
		cut(c);
		return;
	}
	if (n < 0) {
		(void)uv_read_stop(stream);
		c->n_eof++;
		maybe_end(c);
	}
}

static void
on_opened(uv_timer_t *timer)
{
	struct shell_channel *c = timer->data;

	if (c->events)
		c->events->on_open(&c->channel, c->owner);
}

static int
start(struct shell_transport *t, struct shell_channel *c, const char *what)
{
	AUTO_STRV char **argv = strv_copy(t->prefix);
	uv_stdio_container_t stdio[3];
	uv_process_options_t options = {
		.exit_cb = on_process_exit,
		.env = (char **)(uintptr_t)(t->env ? t->env : environ),
		.stdio = stdio,
		.stdio_count = 3,
		.flags = UV_PROCESS_DETACHED,
	};

	strv_add(&argv, what);
	options.file = argv[0];
	options.args = argv;
	for (int i = 0; i < 3; i++) {
		(void)uv_pipe_init(t->loop, &c->pipes[i], 0);
		c->pipes[i].data = c;
		stdio[i].flags = UV_CREATE_PIPE |
				 (i ? UV_WRITABLE_PIPE : UV_READABLE_PIPE);
		stdio[i].data.stream = (uv_stream_t *)&c->pipes[i];
	}
	(void)uv_timer_init(t->loop, &c->opened);
	c->opened.data = c;
	c->process.data = c;
	c->n_handles = 5;
	return uv_spawn(t->loop, &c->process, &options);
}

static struct channel *
open_channel(struct transport *transport, const struct channel_spec *spec,
	     const struct channel_events *events, void *owner, struct err *err)
{
	struct shell_transport *t = container_of(
	    transport, struct shell_transport, transport);
	struct shell_channel *c = xcalloc(1, sizeof(*c));
	int rc;

	c->channel.ops = transport->ops;
	c->events = events;
	c->owner = owner;
	c->until_cut = t->cut_after;
	rc = start(t, c, spec->what);
	if (rc < 0) {
		c->events = NULL;
		close_pipes(c);
		close_handle((uv_handle_t *)&c->process);
		err_set(err, ERR_SYSTEM, "start %s: %s", t->prefix[0],
			uv_strerror(rc));
		return NULL;
	}
	(void)uv_timer_start(&c->opened, on_opened, 0, 0);
	return &c->channel;
}

static struct shell_channel *
of(struct channel *channel)
{
	return container_of(channel, struct shell_channel, channel);
}

static void
on_written(uv_write_t *write, int status UNUSED)
{
	struct pending *p = container_of(write, struct pending, write);
	struct shell_channel *c = p->c;

	free(p);
	if (c->is_full && c->events && c->pipes[0].write_queue_size == 0) {
		c->is_full = false;
		if (c->events->on_drain)
			c->events->on_drain(&c->channel, c->owner);
	}
}

static bool
write_bytes(struct channel *channel, const void *bytes, size_t n)
{
	struct shell_channel *c = of(channel);
	struct pending *p = xmalloc(sizeof(*p) + n);
	uv_buf_t buf = uv_buf_init(p->bytes, (unsigned)n);

	p->c = c;
	memcpy(p->bytes, bytes, n);
	if (uv_write(&p->write, (uv_stream_t *)&c->pipes[0], &buf, 1,
		     on_written) < 0)
		free(p);
	c->is_full |= c->pipes[0].write_queue_size > FULL;
	return c->is_full;
}

static void
read_on(struct channel *channel)
{
	struct shell_channel *c = of(channel);

	for (int i = 1; i < 3; i++)
		(void)uv_read_start((uv_stream_t *)&c->pipes[i], on_alloc,
				    on_read);
}

static void
close_channel(struct channel *channel)
{
	struct shell_channel *c = of(channel);

	c->events = NULL;
	close_pipes(c);
	maybe_end(c);
}

static const struct transport_ops ops = {
	.name = "shell",
	.open = open_channel,
	.write = write_bytes,
	.resume = read_on,
	.close = close_channel,
};

struct transport *
shell_transport_new(struct uv_loop_s *loop, char *const *prefix,
		    char *const *env)
{
	struct shell_transport *t = xcalloc(1, sizeof(*t));

	/* A shell may end while it is written to. */
	(void)signal(SIGPIPE, SIG_IGN);

	t->transport.ops = &ops;
	t->loop = loop;
	t->prefix = prefix;
	t->env = env;
	t->cut_after = SIZE_MAX;
	return &t->transport;
}

void
shell_transport_cut(struct transport *transport, size_t after)
{
	struct shell_transport *t = container_of(
	    transport, struct shell_transport, transport);

	t->cut_after = after;
}

void
shell_transport_free(struct transport *transport)
{
	free(transport);
}
