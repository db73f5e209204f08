/* SPDX-License-Identifier: ISC */

/* Output of an exec as ours; see show.h. */

#include <errno.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"
#include "client/client.h"
#include "berth/show.h"

/* Filter what comes to a terminal, and only that. */
static enum sink_mode
mode_of(const struct show_config *config, int fd)
{
	if (config->is_raw || config->form == SHOW_EVENTS || !isatty(fd))
		return SINK_RAW;
	return config->is_live ? SINK_COLOUR : SINK_SHOW;
}

void
show_flush(struct show *show)
{
	sink_flush(&show->sinks[show->last]);
	for (size_t i = 0; i < ARRAY_SIZE(show->sinks); i++) {
		int failed = show->sinks[i].failed;

		show->is_cut |= failed == EPIPE;
		if (failed != 0)
			client_stop(show->config.client);
	}
}

/* A full disk is an error; a closed pipe is for the caller to judge. */
static int
check_sinks(const struct show *show, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(show->sinks); i++) {
		errno = show->sinks[i].failed;
		if (errno != 0 && errno != EPIPE)
			return err_sys(err, "write output");
	}
	return 0;
}

/* Output that goes to one terminal from both sinks keeps its order. */
static void
write_to(struct show *show, unsigned sink, const void *bytes, size_t n)
{
	if (sink != show->last)
		sink_flush(&show->sinks[show->last]);
	show->last = sink;
	status_clear(&show->status);
	sink_add(&show->sinks[sink], bytes, n);
}

static void
on_before_wait(uv_prepare_t *prepare)
{
	show_flush(container_of(prepare, struct show, before_wait));
}

static void
on_started(const char *id, void *owner)
{
	struct show *show = owner;

	if (show->config.on_started)
		show->config.on_started(id, show->config.owner);
}

static void
on_bytes(unsigned stream, const void *bytes, size_t n, void *owner)
{
	struct show *show = owner;

	write_to(show, show->config.merges ? 0 : stream, bytes, n);
}

static void
on_gap(const struct exec_gap *gap, void *owner)
{
	struct show *show = owner;

	show_flush(show);
	print_note(show->config.output, "%llu bytes of %s are missing here%s%s",
		   (unsigned long long)gap->length,
		   gap->stream ? "stderr" : "stdout", gap->reason ? ": " : "",
		   gap->reason ? gap->reason : "");
}

/* Is it about the exec, not about a line of output? */
static bool
is_end(const char *line, size_t n)
{
	AUTO_EXEC_EVENT event = { 0 };
	struct err err = ERR_INIT;

	return exec_event_decode(line, n, &event, &err) == 0 &&
	       (event.type == EXEC_EVENT_STARTED ||
		event.type == EXEC_EVENT_FINISHED);
}

static void
on_event(const char *line, size_t n, void *owner)
{
	static const char log[] = "{\"type\":\"log\"";
	struct show *show = owner;

	if (show->config.hides_ends && !str_starts(line, log) &&
	    is_end(line, n))
		return;
	write_to(show, 0, line, n);
	write_to(show, 0, "\n", 1);
}

/*
 * A daemon of this host is back before anybody notices, so only a terminal is
 * told.  A link may take its time: that is said once, and once that it is over.
 */
static void
on_broken(const struct err *why, void *owner)
{
	struct show *show = owner;
	bool is_linked = client_reach(show->config.client)->is_linked;

	show_flush(show);
	status_clear(&show->status);
	if (is_linked && why) {
		loss_tell(&show->loss, why);
	} else if (is_linked) {
		loss_tell_end(&show->loss);
	} else if (why) {
		status_show(&show->status,
			    "berth: connection lost (%s); reconnecting",
			    why->msg);
	}
}

static void
on_end(const struct exec_result *result, const struct err *err, void *owner)
{
	struct show *show = owner;

	show->result = result;
	if (err)
		show->err = *err;
	client_stop(show->config.client);
}

static const struct exec_stream_events events = {
	.on_started = on_started,
	.on_bytes = on_bytes,
	.on_gap = on_gap,
	.on_event = on_event,
	.on_broken = on_broken,
	.on_end = on_end,
};

void
show_init(struct show *show, const struct show_config *config)
{
	*show = (struct show){ .config = *config };
	sink_init(&show->sinks[0], STDOUT_FILENO,
		  mode_of(config, STDOUT_FILENO));
	sink_init(&show->sinks[1], STDERR_FILENO,
		  mode_of(config, STDERR_FILENO));
	status_init(&show->status, config->output->quiet);
	loss_init(&show->loss, client_reach(config->client)->machine,
		  config->output);
	uv_prepare_init(client_loop(config->client), &show->before_wait);
	uv_prepare_start(&show->before_wait, on_before_wait);
	uv_unref((uv_handle_t *)&show->before_wait);
	show->is_open = true;
}

int
show_run(struct show *show, struct exec_stream_config *stream, struct err *err)
{
	stream->client = show->config.client;
	stream->form = show->config.form == SHOW_BYTES ? EXEC_BYTES
						       : EXEC_EVENTS;
	stream->events = &events;
	stream->owner = show;
	show->stream = exec_stream_start(stream, err);
	if (show->stream == NULL)
		return -1;
	client_run(show->config.client);
	for (size_t i = 0; i < ARRAY_SIZE(show->sinks); i++)
		sink_end(&show->sinks[i]);
	status_clear(&show->status);
	if (check_sinks(show, err) < 0)
		return -1;
	if (show->err.code == ERR_NONE || show->is_cut || show->is_left)
		return 0;
	*err = show->err;
	return -1;
}

void
show_leave(struct show *show)
{
	show->is_left = true;
	client_stop(show->config.client);
}

static void
on_closed(uv_handle_t *handle UNUSED)
{
}

void
show_fini(struct show *show)
{
	if (!show->is_open)
		return;
	show->is_open = false;
	exec_stream_free(show->stream);
	uv_close((uv_handle_t *)&show->before_wait, on_closed);
	/* The handle is ours: it must be closed before our storage goes. */
	uv_run(client_loop(show->config.client), UV_RUN_NOWAIT);
	for (size_t i = 0; i < ARRAY_SIZE(show->sinks); i++)
		sink_fini(&show->sinks[i]);
}
