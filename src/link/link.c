/* SPDX-License-Identifier: ISC */

/*
 * The link; see link.h.
 *
 * An attempt goes up a ladder: transport, bootstrap, hello; what fails on the
 * way takes all down and is either tried again or the end.  A daemon that went
 * away under a connection that stands costs the upper rungs only.
 *
 * Whatever must be taken down because of a callback is taken down in the next
 * turn of the loop (`later'), since the callback's source is among it.
 *
 * active implies a transport that is up and streams; bootstrap and check are
 * not NULL only between a transport's up and active.
 */

#include <assert.h>
#include <stdio.h>

#include <uv.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "machine/machine.h"
#include "link/events.h"
#include "link/link_parts.h"
#include "link/streams.h"
#include "link/transport.h"

#define MAX_HELLO (64u << 10)

#define DEFAULT_IDLE_MS 600000

static const uint32_t may_follow[] = {
	[LINK_DISCONNECTED] = BIT(LINK_CONNECTING),
	[LINK_CONNECTING] = BIT(LINK_ACTIVE) | BIT(LINK_DISCONNECTED),
	[LINK_ACTIVE] = BIT(LINK_RECONNECTING) | BIT(LINK_DISCONNECTED),
	[LINK_RECONNECTING] = BIT(LINK_ACTIVE) | BIT(LINK_DISCONNECTED),
};
_Static_assert(ARRAY_SIZE(may_follow) == LINK_STATES, "a row per state");

static const char *const state_names[] = {
	[LINK_DISCONNECTED] = "disconnected",
	[LINK_CONNECTING] = "connecting",
	[LINK_ACTIVE] = "active",
	[LINK_RECONNECTING] = "reconnecting",
};
_Static_assert(ARRAY_SIZE(state_names) == LINK_STATES, "a name per state");

const char *
link_state_name(enum link_state state)
{
	return state_names[state];
}

bool
link_may_follow(enum link_state from, enum link_state to)
{
	return may_follow[from] & BIT(to);
}

void
link_set_state(struct link *link, enum link_state state)
{
	if (link->state == state)
		return;
	assert(link_may_follow(link->state, state));
	log_info("link", "state", KV_STR("machine", link->config.machine->name),
		 KV_STR("from", state_names[link->state]),
		 KV_STR("to", state_names[state]));
	link->state = state;
	link->since_ns = clock_wall_ns();
}

void
link_note(struct link *link, const char *type, const struct err *err)
{
	const struct event event = {
		.type = type,
		.stage = link->stage[0] ? link->stage : NULL,
		.err = err,
		.attempt = link->attempt,
		.ms = clock_mono_ms() - link->attempt_ms,
	};

	events_write(link->config.events, &event);
}

void
link_keep_host_key(struct link *link)
{
	struct transport_facts facts = { .host_key = NULL };

	if (link->transport && link->transport->ops->facts)
		link->transport->ops->facts(link->transport, &facts);
	if (facts.host_key)
		snprintf(link->host_key, sizeof(link->host_key), "%s",
			 facts.host_key);
}

void
link_clear_daemon(struct link_daemon *daemon)
{
	free(daemon->program);
	free(daemon->home);
	free(daemon->life);
	free(daemon->machine);
	*daemon = (struct link_daemon){ .program = NULL };
}

/* Signs of life */

static void
on_pong(void *owner, uint64_t us)
{
	struct link *link = owner;

	meter_pong(&link->traffic.meter, clock_mono_ms(), us);
	vigil_pong(&link->vigil);
	link_near_look(link, us);
}

static void
ping(void *owner)
{
	struct link *link = owner;

	meter_ping(&link->traffic.meter);
	link->transport->ops->ping(link->transport, on_pong);
}

static void
on_dead(uint64_t silent_ms, void *owner)
{
	struct link *link = owner;
	struct err err = ERR_INIT;

	err_set(&err, ERR_UNREACHABLE, "no sign of life from %s for %llu s",
		link->config.machine->name,
		(unsigned long long)silent_ms / 1000);
	link_drop(link, &err);
}

static void
on_wake(void *owner)
{
	link_try_now(owner);
}

/*
 * There may be a way again; or the address that a connection was made from is
 * no longer ours.
 */
static void
on_network(void *owner)
{
	struct link *link = owner;

	log_debug("link", "the network has changed");
	vigil_probe(&link->vigil);
	link_try_now(link);
}

static void
on_asked(void *owner)
{
	struct link *link = owner;

	vigil_asked(&link->vigil);
}

/* For others */

static void
on_idle(uv_timer_t *timer)
{
	struct link *link = container_of(timer, struct link, idle);

	link->config.on_idle(link->config.owner);
}

static void
start_idling(struct link *link)
{
	uint64_t ms = link->config.machine->idle;

	uv_timer_start(&link->idle, on_idle, ms ? ms : DEFAULT_IDLE_MS, 0);
}

void
link_use(struct link *link)
{
	link->n_users++;
	uv_timer_stop(&link->idle);
	link_hurry(link);
}

void
link_release(struct link *link)
{
	if (--link->n_users == 0)
		start_idling(link);
}

struct link *
link_new(const struct link_config *config)
{
	const struct machine *machine = config->machine;
	struct link *link = xcalloc(1, sizeof(*link));
	const struct vigil_config vigil = {
		.loop = config->loop,
		.keep_alive_ms = machine->keep_alive,
		.meter = &link->traffic.meter,
		.ping = ping,
		.on_dead = on_dead,
		.on_wake = on_wake,
		.owner = link,
	};

	link->config = *config;
	link->since_ns = clock_wall_ns();
	list_init(&link->watchers);
	list_init(&link->near.leases);
	prompts_init(&link->prompts, link_on_answer, link);
	traffic_init(&link->traffic);
	link->traffic.meter.on_asked = on_asked;
	link->traffic.meter.owner = link;
	vigil_init(&link->vigil, &vigil);
	network_init(&link->network, config->loop, on_network, link);
	retry_init(&link->retry, machine->retry.limit, machine->retry.first,
		   machine->retry.max);
	buf_init(&link->hello, MAX_HELLO);
	uv_timer_init(config->loop, &link->pause);
	uv_timer_init(config->loop, &link->deadline);
	uv_timer_init(config->loop, &link->later);
	uv_timer_init(config->loop, &link->idle);
	uv_timer_init(config->loop, &link->near.look);
	start_idling(link);
	return link;
}

static void
on_closed(uv_handle_t *handle)
{
	struct link *link = handle->data;

	if (--link->n_handles > 0)
		return;
	buf_fini(&link->hello);
	link_clear_daemon(&link->daemon);
	free(link->near.remote);
	free(link->near.hidden_path);
	free(link);
}

static void
close_timer(struct link *link, uv_timer_t *timer)
{
	timer->data = link;
	link->n_handles++;
	uv_close((uv_handle_t *)timer, on_closed);
}

void
link_free(struct link *link)
{
	struct err err = ERR_INIT;

	if (link == NULL)
		return;
	err_set(&err, ERR_UNREACHABLE, "the link is stopping");
	link_tear_down(link, &err);
	link->n_handles = VIGIL_HANDLES + network_n_handles(&link->network);
	vigil_fini(&link->vigil, on_closed, link);
	network_fini(&link->network, on_closed, link);
	close_timer(link, &link->pause);
	close_timer(link, &link->deadline);
	close_timer(link, &link->later);
	close_timer(link, &link->idle);
	close_timer(link, &link->near.look);
}

enum link_state
link_state(const struct link *link)
{
	return link->state;
}

void
link_status(struct link *link, struct link_status *ret)
{
	uint64_t pause = uv_is_active((uv_handle_t *)&link->pause)
			     ? uv_timer_get_due_in(&link->pause)
			     : 0;
	struct transport_facts facts = { .socket = NULL };

	link_keep_host_key(link);
	if (link->transport && link->transport->ops->facts)
		link->transport->ops->facts(link->transport, &facts);

	*ret = (struct link_status){
		.state = link->state,
		.since_ns = link->since_ns,
		.transport = link->config.ops->name,
		.hello = &link->hello,
		.why = link->why.code ? &link->why : NULL,
		.lost = link->lost.code ? &link->lost : NULL,
		.lost_ns = link->lost_ns,
		.daemon = link->daemon.program ? &link->daemon : NULL,
		.host_key = link->host_key[0] ? link->host_key : NULL,
		.ssh_socket = facts.socket,
		.retry_ms = pause,
		.meter = &link->traffic.meter,
		.reconnects = link->reconnects,
		.n_users = link->n_users,
		.n_near = link->near.n_leases,
		.n_spare = link->streams ? streams_n_spare(link->streams) : 0,
	};
}

struct prompts *
link_prompts(struct link *link)
{
	return &link->prompts;
}

void
link_watch(struct link *link, struct link_watcher *watcher)
{
	list_append(&link->watchers, &watcher->link);
	if (watcher->on_stage && link->transport && link->stage[0] &&
	    link->state != LINK_ACTIVE && !str_eq(link->stage, "resolve"))
		watcher->on_stage(link->stage,
				  clock_mono_ms() - link->attempt_ms,
				  watcher->owner);
}

void
link_unwatch(struct link_watcher *watcher)
{
	list_unlink(&watcher->link);
}

static void
connect_now(struct link *link, bool again)
{
	bool begins = link->state == LINK_DISCONNECTED;

	if (begins && again && link->was_active)
		return;
	if (begins) {
		link->was_active = false;
		link->attempt = 0;
		link->daemon.was_installed = link->daemon.was_upgraded = false;
		retry_reset(&link->retry);
		link_set_state(link, LINK_CONNECTING);
	}
	link->was_active |= again;
	/* Who waits already has a pause to wait for. */
	if (begins || !again)
		link_try_now(link);
}

/* One without a daemon looks for it again. */
void
link_connect(struct link *link, bool again)
{
	if (link_is_bare(link))
		link_do_later(link, LATER_DAEMON);
	else
		connect_now(link, again);
}

void
link_connect_bare(struct link *link, bool again)
{
	link->takes_bare = true;
	connect_now(link, again);
}

bool
link_is_bare(const struct link *link)
{
	return link->state == LINK_ACTIVE && link->streams == NULL;
}

/* At the daemon, now or once there is a connection. */
static void
look_again(struct link *link)
{
	if (link->state == LINK_ACTIVE)
		link_do_later(link, LATER_DAEMON);
	else
		link_connect(link, false);
}

void
link_up(struct link *link, bool upgrade)
{
	link->wants_upgrade = upgrade;
	link->wants_down = false;
	link->daemon.was_installed = link->daemon.was_upgraded = false;
	look_again(link);
}

void
link_down(struct link *link)
{
	link->wants_down = true;
	look_again(link);
}

static int
check_active(const struct link *link, struct err *err)
{
	if (link->state == LINK_ACTIVE)
		return 0;
	link_why(link, err);
	return -1;
}

struct pump *
link_take(struct link *link, const struct pump_events *events, void *owner,
	  struct err *err)
{
	if (check_active(link, err) < 0)
		return NULL;
	if (link_is_bare(link)) {
		*err = link->why;
		return NULL;
	}
	return streams_take(link->streams, events, owner, err);
}

struct pump *
link_open(struct link *link, const struct channel_spec *spec,
	  const struct pump_events *events, void *owner, struct err *err)
{
	if (check_active(link, err) < 0)
		return NULL;
	return pump_open(link->transport, spec, &link->traffic, events, owner,
			 err);
}

struct transport *
link_transport(struct link *link)
{
	return link->state == LINK_ACTIVE ? link->transport : NULL;
}

struct traffic *
link_traffic(struct link *link)
{
	return &link->traffic;
}

void
link_refused(struct link *link, const struct err *why)
{
	if (link->streams)
		streams_refused(link->streams, why);
}

void
link_why(const struct link *link, struct err *ret)
{
	const char *name = link->config.machine->name;

	if (link->why.code) {
		*ret = link->why;
	} else {
		err_set(ret, ERR_UNREACHABLE, "%s is %s", name,
			state_names[link->state]);
	}
	if (link->state == LINK_RECONNECTING && !ret->hint[0])
		err_hint(ret, "the link is being made again");
}
