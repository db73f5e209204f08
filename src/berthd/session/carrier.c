/* SPDX-License-Identifier: ISC */

/* Connections of viewers; see carrier.h. */

#include <strings.h>
#include <sys/uio.h>

#include "berthd/session/carrier.h"
#include "core/json.h"
#include "core/text.h"
#include "http/head.h"
#include "http/server.h"
#include "http/stream.h"
#include "http/ws.h"

#define MAX_MESSAGE (1u << 20)

#define WS_DONE 1000
#define WS_MALFORMED 1007

struct said {
	char *type;
	int64_t cols, rows;
};

static const struct json_field fields[] = {
	JSON_F(struct said, type, STR, false),
	JSON_F(struct said, cols, INT, false),
	JSON_F(struct said, rows, INT, false),
};

bool
carrier_is_wanted(const struct http_exchange *x)
{
	const struct http_head *head = http_exchange_head(x);
	const char *upgrade = http_head_find(head, "Upgrade");

	return ws_is_request(x) ||
	       (upgrade && strcasecmp(upgrade, DUPLEX_PROTOCOL) == 0);
}

/* A size, or a wish to leave.  -1: it is not JSON. */
static int
take_json(struct carrier *c, const void *bytes, size_t n)
{
	struct said said = { .type = NULL };
	struct err err = ERR_INIT;
	int rc = json_decode_text(bytes, n, fields, ARRAY_SIZE(fields),
				  JSON_UNKNOWN_OK, &said, &err);

	if (rc == 0 && said.type && str_eq(said.type, "detach"))
		c->events->on_detach(c->owner);
	else if (rc == 0 && said.cols > 0 && said.cols <= 10000 &&
		 said.rows > 0 && said.rows <= 10000)
		c->events->on_resize(c->owner, (uint64_t)said.cols,
				     (uint64_t)said.rows);
	json_fields_fini(fields, ARRAY_SIZE(fields), &said);
	return rc;
}

/* Frames */

static int
on_frame(unsigned type, const void *bytes, size_t n, void *owner)
{
	struct carrier *c = owner;

	if (type == DUPLEX_STDIN && n == 0)
		c->events->on_detach(c->owner);
	else if (type == DUPLEX_STDIN)
		c->events->on_input(c->owner, bytes, n);
	else if (type == DUPLEX_RESIZE)
		return take_json(c, bytes, n);
	return 0;
}

static void
on_data(struct stream *stream UNUSED, const void *bytes, size_t n, void *owner)
{
	struct carrier *c = owner;
	struct err err = ERR_INIT;

	if (duplex_feed(&c->duplex, bytes, n, &err) == 0)
		return;
	carrier_close(c);
	c->events->on_gone(c->owner);
}

static void
on_end(struct stream *stream UNUSED, const struct err *err UNUSED, void *owner)
{
	struct carrier *c = owner;

	/* A viewer that sends no more has left: its terminal is gone. */
	carrier_close(c);
	c->events->on_gone(c->owner);
}

static void
on_stream_drain(struct stream *stream UNUSED, void *owner)
{
	struct carrier *c = owner;

	c->events->on_drain(c->owner);
}

static bool
send_frame(struct carrier *c, unsigned type, const void *bytes, size_t n)
{
	uint8_t header[DUPLEX_HEADER_SIZE];
	struct iovec pieces[2] = { { header, sizeof(header) },
				   { (void *)(uintptr_t)bytes, n } };

	duplex_header(header, type, (uint32_t)n);
	return stream_writev(c->stream, pieces, 2, false);
}

/* WebSocket */

static void
on_message(struct ws *ws, const void *bytes, size_t n, bool is_text,
	   void *owner)
{
	struct carrier *c = owner;

	if (!is_text)
		c->events->on_input(c->owner, bytes, n);
	else if (take_json(c, bytes, n) < 0)
		ws_close(ws, WS_MALFORMED, "not JSON");
}

static void
on_ws_close(struct ws *ws UNUSED, unsigned code UNUSED,
	    const char *reason UNUSED, void *owner)
{
	struct carrier *c = owner;

	carrier_close(c);
	c->events->on_gone(c->owner);
}

static void
on_ws_drain(struct ws *ws UNUSED, void *owner)
{
	struct carrier *c = owner;

	c->events->on_drain(c->owner);
}

void
carrier_open(struct carrier *c, struct http_exchange *x,
	     const struct carrier_events *events, void *owner)
{
	static const struct stream_events stream_events = {
		.on_data = on_data,
		.on_end = on_end,
		.on_drain = on_stream_drain,
	};
	static const struct ws_events ws_events = { .on_message = on_message,
						    .on_close = on_ws_close,
						    .on_drain = on_ws_drain };
	struct ws_config config = { .events = &ws_events,
				    .owner = c,
				    .max_message = MAX_MESSAGE };

	*c = (struct carrier){ .events = events, .owner = owner };
	duplex_init(&c->duplex, on_frame, c);
	if (ws_is_request(x)) {
		c->ws = ws_accept(x, &config);
		ws_pause(c->ws);
		return;
	}
	c->stream = http_upgrade(x, DUPLEX_PROTOCOL);
	stream_set_events(c->stream, &stream_events, c);
}

void
carrier_close(struct carrier *c)
{
	stream_close(c->stream);
	if (c->ws)
		ws_free(c->ws);
	c->stream = NULL;
	c->ws = NULL;
}

void
carrier_fini(struct carrier *c)
{
	duplex_fini(&c->duplex);
}

void
carrier_finish(struct carrier *c, const void *json, size_t n)
{
	if (c->stream) {
		(void)send_frame(c, DUPLEX_EXIT, json, n);
		stream_close_after_write(c->stream);
		c->stream = NULL;
		c->events->on_gone(c->owner);
	} else if (c->ws) {
		(void)ws_send_text(c->ws, json, n);
		ws_resume(c->ws);
		/* on_ws_close is the last word. */
		ws_close(c->ws, WS_DONE, "");
	}
}

bool
carrier_output(struct carrier *c, const void *bytes, size_t n)
{
	if (c->ws)
		return ws_send_bytes(c->ws, bytes, n);
	return send_frame(c, DUPLEX_STDOUT, bytes, n);
}

void
carrier_start(struct carrier *c, const void *json, size_t n)
{
	if (c->ws)
		(void)ws_send_text(c->ws, json, n);
	else
		(void)send_frame(c, DUPLEX_START, json, n);
}

void
carrier_pause(struct carrier *c)
{
	if (c->stream)
		stream_pause(c->stream);
	else if (c->ws)
		ws_pause(c->ws);
}

void
carrier_resume(struct carrier *c)
{
	if (c->stream)
		stream_resume(c->stream);
	else if (c->ws)
		ws_resume(c->ws);
}
