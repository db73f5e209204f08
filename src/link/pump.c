/* SPDX-License-Identifier: ISC */

/*
 * Relaying; see pump.h.
 *
 * Each direction is stopped by the side that is full and goes on when that has
 * drained.  A side that finished sending is told to the other, which may go on.
 */

#include <sys/uio.h>

#include "core/clock.h"
#include "core/jsonw.h"
#include "core/json.h"
#include "core/mem.h"
#include "http/stream.h"
#include "link/pump.h"
#include "link/transport.h"
#include "wire/duplex.h"

struct pump {
	struct channel *channel; /* NULL: closed */
	struct stream *client;	 /* NULL: not joined, or gone */
	struct traffic *traffic;
	struct list link; /* in it */
	const struct pump_events *events;
	void *owner;
	struct duplex frames; /* of a client that speaks in them */
	bool is_open, is_joined, is_framed;
	bool has_said, has_heard;
	bool is_full; /* the channel, by what is being taken */
};

static void
on_channel_open(struct channel *channel, void *owner)
{
	struct pump *pump = owner;

	pump->is_open = true;
	channel->ops->resume(channel);
	if (pump->events->on_open)
		pump->events->on_open(pump, pump->owner);
}

/* True: the client has enough for now. */
static bool
say_framed(struct pump *pump, enum duplex_type type, const void *bytes,
	   size_t n)
{
	uint8_t header[DUPLEX_HEADER_SIZE];
	const struct iovec pieces[] = {
		{ header, sizeof(header) },
		{ (void *)(uintptr_t)bytes, n },
	};

	duplex_header(header, type, (uint32_t)n);
	return stream_writev(pump->client, pieces, ARRAY_SIZE(pieces), false);
}

static bool
say(struct pump *pump, int fd, const void *bytes, size_t n)
{
	if (pump->client == NULL)
		return false;
	if (pump->is_framed)
		return say_framed(pump, fd == 2 ? DUPLEX_STDERR : DUPLEX_STDOUT,
				  bytes, n);
	return stream_write(pump->client, bytes, n);
}

static void
on_channel_data(struct channel *channel, int fd, const void *bytes, size_t n,
		void *owner)
{
	struct pump *pump = owner;

	meter_received(&pump->traffic->meter, clock_mono_ms(), n);
	/* What a relaying command complains of is not part of the stream. */
	if (fd != 1 && !pump->is_framed)
		return;
	pump->has_heard = true;
	if (!pump->is_joined)
		pump->events->on_data(pump, bytes, n, pump->owner);
	else if (say(pump, fd, bytes, n))
		channel->ops->pause(channel);
}

static void
on_channel_eof(struct channel *channel UNUSED, void *owner)
{
	struct pump *pump = owner;

	if (!pump->is_joined)
		pump->events->on_data(pump, NULL, 0, pump->owner);
	else if (pump->client && !pump->is_framed)
		stream_shutdown(pump->client);
}

static void
on_channel_exit(struct channel *channel UNUSED, int code, const char *signal,
		void *owner)
{
	struct pump *pump = owner;
	AUTO_BUF text = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&text);

	if (pump->client == NULL || !pump->is_framed)
		return;
	jsonw_object(&w, NULL);
	if (signal)
		jsonw_null(&w, "exit_code");
	else
		jsonw_int(&w, "exit_code", code);
	jsonw_str(&w, "signal", signal);
	jsonw_object_end(&w);
	pump->has_heard = true;
	(void)say_framed(pump, DUPLEX_EXIT, buf_bytes(&text), text.len);
}

static void
on_channel_drain(struct channel *channel UNUSED, void *owner)
{
	struct pump *pump = owner;

	if (pump->client)
		stream_resume(pump->client);
}

static void
on_channel_taken(struct channel *channel UNUSED, void *owner)
{
	struct pump *pump = owner;

	meter_taken(&pump->traffic->meter, clock_mono_ms());
}

static void
on_channel_close(struct channel *channel UNUSED, const struct err *err,
		 void *owner)
{
	struct pump *pump = owner;

	pump->channel = NULL;
	/* What it said last is still on its way to the client. */
	if (err == NULL && pump->client && pump->has_heard)
		stream_close_after_write(TAKE(pump->client));
	pump->events->on_end(pump, err, pump->owner);
}

static const struct channel_events channel_events = {
	.on_open = on_channel_open,
	.on_data = on_channel_data,
	.on_eof = on_channel_eof,
	.on_drain = on_channel_drain,
	.on_taken = on_channel_taken,
	.on_exit = on_channel_exit,
	.on_close = on_channel_close,
};

/* The client is of no use any more. */
static void
hang_up(struct pump *pump)
{
	stream_close(TAKE(pump->client));
	pump->channel->ops->close(TAKE(pump->channel));
	pump->events->on_end(pump, NULL, pump->owner);
}

struct size {
	int64_t cols, rows;
};

static const struct json_field size_fields[] = {
	{ .name = "cols",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct size, cols),
	  .required = true,
	  .min = 1,
	  .max = UINT16_MAX },
	{ .name = "rows",
	  .type = JSON_INT_T,
	  .offset = offsetof(struct size, rows),
	  .required = true,
	  .min = 1,
	  .max = UINT16_MAX },
};

static int
resize(struct channel *channel, const void *json, size_t n)
{
	struct err ignored = ERR_INIT;
	struct size size = { 0 };

	if (json_decode_text(json, n, size_fields, ARRAY_SIZE(size_fields), 0,
			     &size, &ignored) < 0)
		return -1;
	channel->ops->resize(channel, (unsigned)size.cols, (unsigned)size.rows);
	return 0;
}

static int
on_frame(unsigned type, const void *bytes, size_t n, void *owner)
{
	struct pump *pump = owner;
	struct channel *channel = pump->channel;

	if (type == DUPLEX_RESIZE)
		return resize(channel, bytes, n);
	if (type != DUPLEX_STDIN)
		return -1;
	if (n == 0)
		channel->ops->write_end(channel);
	else
		pump->is_full |= channel->ops->write(channel, bytes, n);
	return 0;
}

static void
on_client_data(struct stream *client, const void *bytes, size_t n, void *owner)
{
	struct pump *pump = owner;
	struct err ignored = ERR_INIT;

	pump->has_said = true;
	pump->is_full = false;
	meter_sent(&pump->traffic->meter, clock_mono_ms(), n);
	if (!pump->is_framed) {
		pump->is_full = pump->channel->ops->write(pump->channel, bytes,
							  n);
	} else if (duplex_feed(&pump->frames, bytes, n, &ignored) < 0) {
		hang_up(pump);
		return;
	}
	if (pump->is_full)
		stream_pause(client);
}

static void
on_client_end(struct stream *client UNUSED, const struct err *err, void *owner)
{
	struct pump *pump = owner;

	if (err)
		hang_up(pump);
	else
		pump->channel->ops->write_end(pump->channel);
}

static void
on_client_drain(struct stream *client UNUSED, void *owner)
{
	struct pump *pump = owner;

	pump->channel->ops->resume(pump->channel);
}

static const struct stream_events client_events = {
	.on_data = on_client_data,
	.on_end = on_client_end,
	.on_drain = on_client_drain,
};

void
traffic_init(struct traffic *traffic)
{
	*traffic = (struct traffic){ 0 };
	list_init(&traffic->pumps);
}

void
traffic_cut(struct traffic *traffic, const struct err *why)
{
	while (!list_is_empty(&traffic->pumps)) {
		struct pump *pump = list_entry(traffic->pumps.next, struct pump,
					       link);

		list_unlink(&pump->link);
		pump->channel = NULL;
		pump->events->on_end(pump, why, pump->owner);
	}
}

struct pump *
pump_open(struct transport *transport, const struct channel_spec *spec,
	  struct traffic *traffic, const struct pump_events *events,
	  void *owner, struct err *err)
{
	struct pump *pump = xcalloc(1, sizeof(*pump));

	pump->traffic = traffic;
	pump->events = events;
	pump->owner = owner;
	pump->channel = transport->ops->open(transport, spec, &channel_events,
					     pump, err);
	if (pump->channel == NULL) {
		free(pump);
		return NULL;
	}
	list_append(&traffic->pumps, &pump->link);
	return pump;
}

void
pump_free(struct pump *pump)
{
	if (pump == NULL)
		return;
	if (pump->channel)
		pump->channel->ops->close(pump->channel);
	stream_close(pump->client);
	list_unlink(&pump->link);
	duplex_fini(&pump->frames);
	free(pump);
}

void
pump_own(struct pump *pump, const struct pump_events *events, void *owner)
{
	pump->events = events;
	pump->owner = owner;
}

bool
pump_is_open(const struct pump *pump)
{
	return pump->is_open;
}

bool
pump_is_untouched(const struct pump *pump)
{
	return !pump->has_said && !pump->has_heard;
}

bool
pump_is_answered(const struct pump *pump)
{
	return pump->has_heard;
}

void
pump_write(struct pump *pump, const void *bytes, size_t n)
{
	pump->has_said = true;
	meter_sent(&pump->traffic->meter, clock_mono_ms(), n);
	(void)pump->channel->ops->write(pump->channel, bytes, n);
}

void
pump_join(struct pump *pump, struct stream *client)
{
	pump->client = client;
	pump->is_joined = true;
	/* As a spare it may have been used to ask who answers. */
	pump->has_said = pump->has_heard = false;
	stream_set_events(client, &client_events, pump);
	stream_resume(client);
}

void
pump_join_framed(struct pump *pump, struct stream *client)
{
	duplex_init(&pump->frames, on_frame, pump);
	pump->is_framed = true;
	pump_join(pump, client);
}

struct stream *
pump_take_client(struct pump *pump)
{
	struct stream *client = TAKE(pump->client);

	if (client) {
		stream_pause(client);
		stream_set_events(client, NULL, NULL);
	}
	return client;
}
