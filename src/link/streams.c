/* SPDX-License-Identifier: ISC */

/*
 * Spare streams; see streams.h.
 *
 * The timer serves two purposes: spares that got old are closed and opened
 * anew, and what could not be opened is tried again a little later, not at
 * once, so that a machine with a broken daemon is not beaten.
 */

#include <uv.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/list.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "link/streams.h"
#include "link/transport.h"

/* A command at the terminal needs one, a second while it is shown, one more. */
#define N_SPARES 2

/* The daemon closes a connection after five idle minutes. */
#define MAX_AGE_MS 240000

/*
 * A spare that was taken is replaced so much later: the request goes first, on
 * the way and in every process there that handles both.
 */
#define REPLACE_MS 10

#define AGAIN_MS 1000
#define LOOK_MS 30000

#define MAX_COMMAND 8192

struct spare {
	struct list link;
	struct streams *streams;
	struct pump *pump;
	uint64_t since_ms;
};

struct streams {
	struct streams_config config;
	char *socket, *command;
	struct list spares;
	size_t n_spares;
	uv_timer_t timer;
	bool uses_command;
	bool has_worked; /* a forwarded socket has opened */
	bool is_freed;
};

static void
spare_free(struct spare *spare)
{
	spare->streams->n_spares--;
	list_unlink(&spare->link);
	pump_free(spare->pump);
	free(spare);
}

static struct pump *
open_one(struct streams *s, const struct pump_events *events, void *owner,
	 struct err *err)
{
	const struct channel_spec spec = {
		.kind = s->uses_command ? CHANNEL_COMMAND : CHANNEL_UNIX,
		.what = s->uses_command ? s->command : s->socket,
	};

	return pump_open(s->config.transport, &spec, s->config.traffic, events,
			 owner, err);
}

static void on_timer(uv_timer_t *timer);

static void
look_in(struct streams *s, uint64_t ms)
{
	uv_timer_start(&s->timer, on_timer, ms, LOOK_MS);
}

/* For the next who asks; at once if there is nothing for him. */
static void
look_in_soon(struct streams *s)
{
	uint64_t ms = s->n_spares > 0 ? REPLACE_MS : 0;

	if (!uv_is_active((uv_handle_t *)&s->timer) ||
	    uv_timer_get_due_in(&s->timer) > ms)
		look_in(s, ms);
}

static void
on_spare_open(struct pump *pump UNUSED, void *owner)
{
	struct spare *spare = owner;

	spare->streams->has_worked |= !spare->streams->uses_command;
}

/* Nobody asked anything, so this is no answer. */
static void
on_spare_data(struct pump *pump UNUSED, const void *bytes UNUSED,
	      size_t n UNUSED, void *owner)
{
	struct spare *spare = owner;

	look_in(spare->streams, AGAIN_MS);
	spare_free(spare);
}

void
streams_refused(struct streams *s, const struct err *why)
{
	struct spare *spare;

	if (why->code != ERR_DENIED || s->uses_command)
		return;
	if (s->has_worked) {
		s->config.on_absent(why, s->config.owner);
		return;
	}
	log_info("link", "sockets are not forwarded; relaying by a command",
		 KV_ERR(why));
	s->uses_command = true;
	/* What still opens will be refused, too. */
	list_for_each (spare, &s->spares, link) {
		if (!pump_is_open(spare->pump))
			spare_free(spare);
	}
}

static void
on_spare_end(struct pump *pump UNUSED, const struct err *err, void *owner)
{
	struct spare *spare = owner;
	struct streams *s = spare->streams;
	bool was_open = pump_is_open(pump);

	spare_free(spare);
	look_in(s, AGAIN_MS);
	if (err && !was_open)
		streams_refused(s, err);
}

static const struct pump_events spare_events = {
	.on_open = on_spare_open,
	.on_data = on_spare_data,
	.on_end = on_spare_end,
};

static struct spare *
spare_new(struct streams *s)
{
	struct spare *spare = xcalloc(1, sizeof(*spare));

	spare->streams = s;
	spare->since_ms = clock_mono_ms();
	list_append(&s->spares, &spare->link);
	s->n_spares++;
	return spare;
}

static void
refill(struct streams *s)
{
	struct err err = ERR_INIT;

	while (s->n_spares < N_SPARES) {
		struct spare *spare = spare_new(s);

		spare->pump = open_one(s, &spare_events, spare, &err);
		if (spare->pump == NULL) {
			log_debug("link", "no spare stream", KV_ERR(&err));
			spare_free(spare);
			return;
		}
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct streams *s = container_of(timer, struct streams, timer);
	uint64_t now = clock_mono_ms();
	struct spare *spare;

	list_for_each (spare, &s->spares, link) {
		if (now - spare->since_ms > MAX_AGE_MS)
			spare_free(spare);
	}
	refill(s);
}

struct streams *
streams_new(const struct streams_config *config)
{
	AUTO_BUF command = BUF_INIT(MAX_COMMAND);
	struct streams *s = xcalloc(1, sizeof(*s));

	s->config = *config;
	s->socket = xstrdup(config->socket);
	(void)buf_adds(&command, "exec ");
	if (config->home) {
		AUTO_FREE char *home = xasprintf("BERTH_HOME=%s", config->home);

		(void)buf_adds(&command, "env ");
		(void)shell_quote(&command, home);
		(void)buf_addc(&command, ' ');
	}
	(void)shell_quote(&command, config->binary);
	(void)buf_adds(&command, " stdio");
	s->command = buf_take(&command);
	list_init(&s->spares);
	uv_timer_init(config->loop, &s->timer);
	return s;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct streams *s = container_of((uv_timer_t *)handle, struct streams,
					 timer);

	free(s->socket);
	free(s->command);
	free(s);
}

void
streams_free(struct streams *s)
{
	struct spare *spare;

	if (s == NULL || s->is_freed)
		return;
	s->is_freed = true;
	list_for_each (spare, &s->spares, link)
		spare_free(spare);
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

/* The oldest that is open, else the oldest. */
static struct spare *
find_best(struct streams *s)
{
	struct spare *spare, *best = NULL;

	list_for_each (spare, &s->spares, link) {
		if (best == NULL ||
		    (pump_is_open(spare->pump) && !pump_is_open(best->pump)))
			best = spare;
	}
	return best;
}

struct pump *
streams_take(struct streams *s, const struct pump_events *events, void *owner,
	     struct err *err)
{
	struct spare *spare = find_best(s);
	struct pump *pump;

	if (spare == NULL) {
		look_in(s, 0);
		return open_one(s, events, owner, err);
	}
	pump = TAKE(spare->pump);
	pump_own(pump, events, owner);
	spare_free(spare);
	look_in_soon(s);
	return pump;
}

void
streams_give(struct streams *s, struct pump *pump)
{
	struct spare *spare = spare_new(s);

	spare->pump = pump;
	s->has_worked |= !s->uses_command;
	pump_own(pump, &spare_events, spare);
}

bool
streams_are_forwarded(const struct streams *s)
{
	return s->has_worked && !s->uses_command;
}

const char *
streams_socket(const struct streams *s)
{
	return s->socket;
}

size_t
streams_n_spare(const struct streams *s)
{
	struct list *at = s->spares.next;
	size_t n = 0;

	for (; at != &s->spares; at = at->next)
		n += pump_is_open(list_entry(at, struct spare, link)->pump);
	return n;
}
