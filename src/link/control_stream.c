/* SPDX-License-Identifier: ISC */

/*
 * Streams by request; see control_stream.h.
 *
 * The machine is asked first: only when the channel is open does the client
 * get its 101, so that a refusal is an ordinary error.
 */

#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "link/control_parts.h"
#include "link/control_stream.h"
#include "link/front.h"
#include "link/link.h"
#include "link/transport.h"

#define KIND_BERTHD "berthd"
#define KIND_NEAR "near"
#define PLAIN "berth-stream"
#define FRAMED "berth-command"
#define LEASE "berth-lease"

struct wanted {
	char *kind, *command, *name, *path, *host, *term;
	int64_t port, cols, rows;
	bool tty;
};

#define NUMBER(member, least)                                                  \
	{                                                                      \
		.name = #member, .type = JSON_INT_T,                           \
		.offset = offsetof(struct wanted, member), .min = (least),     \
		.max = UINT16_MAX                                              \
	}

static const struct json_field fields[] = {
	JSON_F(struct wanted, kind, STR, true),
	JSON_F(struct wanted, command, STR, false),
	JSON_F(struct wanted, name, STR, false),
	JSON_F(struct wanted, path, STR, false),
	JSON_F(struct wanted, host, STR, false),
	JSON_F(struct wanted, term, STR, false),
	NUMBER(port, 1),
	NUMBER(cols, 1),
	NUMBER(rows, 1),
	JSON_F(struct wanted, tty, BOOL, false),
};

/* Each kind, and the member that says what. */
static const struct {
	const char *name;
	enum channel_kind kind;
	size_t offset;
	const char *member;
} kinds[] = {
	{ "command", CHANNEL_COMMAND, offsetof(struct wanted, command),
	  "command" },
	{ "subsystem", CHANNEL_SUBSYSTEM, offsetof(struct wanted, name),
	  "name" },
	{ "unix", CHANNEL_UNIX, offsetof(struct wanted, path), "path" },
	{ "tcp", CHANNEL_TCP, offsetof(struct wanted, host), "host" },
};

/* One stream, from the request to its end. */
struct tunnel {
	struct link *link;
	struct http_exchange *x; /* NULL: upgraded, or gone */
	struct pump *pump;
	bool is_command;
};

static void
tunnel_free(struct tunnel *tunnel)
{
	pump_free(tunnel->pump);
	link_release(tunnel->link);
	free(tunnel);
}

static void
on_gone(struct http_exchange *x UNUSED, void *owner)
{
	tunnel_free(owner);
}

static void
on_open(struct pump *pump, void *owner)
{
	struct tunnel *tunnel = owner;
	struct http_exchange *x = TAKE(tunnel->x);

	if (tunnel->is_command)
		pump_join_framed(pump, http_upgrade(x, FRAMED));
	else
		pump_join(pump, http_upgrade(x, PLAIN));
}

static void
on_data(struct pump *pump UNUSED, const void *bytes UNUSED, size_t n UNUSED,
	void *owner UNUSED)
{
}

static void
on_end(struct pump *pump UNUSED, const struct err *err, void *owner)
{
	struct tunnel *tunnel = owner;
	struct err gone = ERR_INIT;

	if (tunnel->x == NULL) {
		tunnel_free(tunnel);
		return;
	}
	err_set(&gone, ERR_UNREACHABLE, "the machine closed it at once");
	pump_free(TAKE(tunnel->pump));
	/* The tunnel goes with its exchange. */
	control_reply_error(tunnel->x, err ? err : &gone);
}

static const struct pump_events pump_events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_end = on_end,
};

static int
make_spec(const struct wanted *wanted, struct channel_spec *ret,
	  struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!str_eq(wanted->kind, kinds[i].name))
			continue;
		*ret = (struct channel_spec){
			.kind = kinds[i].kind,
			.what = *(char *const *)((const char *)wanted +
						 kinds[i].offset),
			.port = (uint16_t)wanted->port,
			.has_tty = wanted->tty,
			.cols = (uint16_t)wanted->cols,
			.rows = (uint16_t)wanted->rows,
			.term = wanted->term,
		};
		if (ret->what == NULL)
			return err_set(err, ERR_INVALID, "%s: missing",
				       kinds[i].member);
		if (ret->kind == CHANNEL_TCP && ret->port == 0)
			return err_set(err, ERR_INVALID, "port: missing");
		return 0;
	}
	return err_set(err, ERR_INVALID, "kind: no such kind of stream");
}

static int
start_tunnel(struct link *link, struct http_exchange *x,
	     const struct wanted *wanted, struct err *err)
{
	struct channel_spec spec;
	struct tunnel *tunnel;

	if (make_spec(wanted, &spec, err) < 0)
		return -1;
	tunnel = xcalloc(1, sizeof(*tunnel));
	tunnel->link = link;
	tunnel->x = x;
	tunnel->is_command = spec.kind == CHANNEL_COMMAND;
	link_use(link);
	tunnel->pump = link_open(link, &spec, &pump_events, tunnel, err);
	if (tunnel->pump == NULL) {
		tunnel_free(tunnel);
		return -1;
	}
	http_exchange_own(x, tunnel, on_gone);
	return 0;
}

static int
start_lease(struct link *link, struct http_exchange *x, struct err *err)
{
	if (!link_is_near(link))
		return err_set(err, ERR_UNSUPPORTED,
			       "there is no way past the link");
	http_exchange_own(x, NULL, NULL);
	link_lease(link, http_upgrade(x, LEASE));
	return 0;
}

static const char *
protocol_of(const struct wanted *wanted)
{
	if (str_eq(wanted->kind, KIND_NEAR))
		return LEASE;
	return str_eq(wanted->kind, "command") ? FRAMED : PLAIN;
}

static int
start(struct link *link, struct front *front, struct http_exchange *x,
      const struct wanted *wanted, struct err *err)
{
	const char *protocol = protocol_of(wanted);

	if (!http_head_has_token(http_exchange_head(x), "Upgrade", protocol)) {
		err_set(err, ERR_INVALID, "ask for \"Upgrade: %s\"", protocol);
		return -1;
	}
	if (link_state(link) != LINK_ACTIVE) {
		link_why(link, err);
		return -1;
	}
	if (str_eq(wanted->kind, KIND_NEAR))
		return start_lease(link, x, err);
	if (!str_eq(wanted->kind, KIND_BERTHD))
		return start_tunnel(link, x, wanted, err);
	http_exchange_own(x, NULL, NULL);
	front_serve(front, http_upgrade(x, PLAIN));
	return 0;
}

void
control_stream_start(struct link *link, struct front *front,
		     struct http_exchange *x, const struct buf *body)
{
	struct wanted wanted = { .cols = 80, .rows = 24 };
	struct err err = ERR_INIT;

	if (json_decode_text(buf_bytes(body), body->len, fields,
			     ARRAY_SIZE(fields), 0, &wanted, &err) < 0 ||
	    start(link, front, x, &wanted, &err) < 0)
		control_reply_error(x, &err);
	json_fields_fini(fields, ARRAY_SIZE(fields), &wanted);
}
