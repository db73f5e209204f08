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
#include <string.h>

#include <uv.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "machine/machine.h"
#include "secret/secret.h"
#include "link/bootstrap.h"
#include "link/events.h"
#include "link/hello.h"
#include "link/link.h"
#include "link/network.h"
#include "link/retry.h"
#include "link/streams.h"
#include "link/transport.h"
#include "link/vigil.h"

/* A machine that was never reached may be a wrong name: say so soon. */
#define FIRST_LIMIT 3

/* A connection that lasted so long was a good one. */
#define STABLE_MS 5000

/*
 * A machine that was reached before says something within this, or within a few
 * times what it took then.  Who waits longer waits for a connection that was
 * made to a machine that is gone since, or that is not up yet.
 */
#define SILENT_MS 5000
#define SILENT_TIMES 4

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

/* What `later' is to do. */
enum {
	LATER_DROP = 1u << 0,
	LATER_DAEMON = 1u << 1,
	LATER_STOPPED = 1u << 2,
};

struct link {
	struct link_config config;
	enum link_state state;
	uint64_t since_ns, active_ms;
	struct list watchers;
	struct prompts prompts;

	struct transport *transport;
	struct bootstrap *bootstrap;
	struct hello_check *check;
	struct streams *streams;
	struct traffic traffic;
	struct vigil vigil;
	struct network network;

	struct retry retry;
	uv_timer_t pause;    /* until the next attempt */
	uv_timer_t deadline; /* of the attempt */
	uv_timer_t later;
	uv_timer_t idle;
	unsigned tasks;
	struct err drop_why;
	int n_handles;

	uint64_t attempt_ms; /* when the attempt began */
	uint64_t heard_ms;   /* from there until it asked who we are */
	bool is_heard;	     /* it did, in this attempt */
	int64_t attempt;
	char stage[32];
	bool is_up;	    /* the transport */
	bool was_active;    /* since a person wanted it */
	bool was_rechecked; /* in this attempt */
	bool had_no_one;    /* a question of this attempt had no answer */
	enum prompt_kind unanswered;
	unsigned tried_secrets; /* bits of kinds, in this attempt */
	bool wants_upgrade;
	bool takes_bare; /* somebody can do without a daemon */
	bool wants_down;
	bool is_going_down; /* the bootstrap's goal */

	struct err why;
	struct buf hello;
	struct link_daemon daemon;
	char host_key[128]; /* the machine showed last */
	uint64_t reconnects;
	size_t n_users;
};

static void fail_attempt(struct link *link, const struct err *why);
static void on_pause_over(uv_timer_t *timer);

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

static void
set_state(struct link *link, enum link_state state)
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

static void
note(struct link *link, const char *type, const struct err *err)
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

/* Taking down */

/* Everything above the transport. */
static void
drop_daemon(struct link *link)
{
	bootstrap_cancel(TAKE(link->bootstrap));
	hello_check_free(TAKE(link->check));
	streams_free(TAKE(link->streams));
}

/* What outlives the connection. */
static void
keep_host_key(struct link *link)
{
	struct transport_facts facts = { .host_key = NULL };

	if (link->transport && link->transport->ops->facts)
		link->transport->ops->facts(link->transport, &facts);
	if (facts.host_key)
		snprintf(link->host_key, sizeof(link->host_key), "%s",
			 facts.host_key);
}

static void
clear_daemon(struct link_daemon *daemon)
{
	free(daemon->program);
	free(daemon->home);
	free(daemon->life);
	free(daemon->machine);
	*daemon = (struct link_daemon){ .program = NULL };
}

static void
tear_down(struct link *link, const struct err *why)
{
	struct transport *transport;

	keep_host_key(link);
	transport = TAKE(link->transport);

	uv_timer_stop(&link->deadline);
	vigil_watch(&link->vigil, false);
	prompts_clear(&link->prompts);
	link->tasks = 0;
	link->is_up = false;
	drop_daemon(link);
	if (transport)
		transport->ops->free(transport);
	traffic_cut(&link->traffic, why);
}

static void
tell_failed(struct link *link)
{
	struct link_watcher *watcher;
	struct list told;

	/* One at a time: who is told may join anew. */
	list_move(&told, &link->watchers);
	while (!list_is_empty(&told)) {
		watcher = list_entry(told.next, struct link_watcher, link);
		list_unlink(&watcher->link);
		list_append(&link->watchers, &watcher->link);
		if (watcher->on_failed)
			watcher->on_failed(&link->why, link->stage,
					   watcher->owner);
	}
}

/* Whoever waits is told what to do, not to wait on. */
static void
make_final(struct link *link)
{
	struct err *why = &link->why;

	why->is_final = true;
	if (link->was_active)
		err_wrap(why, "%s is given up", link->config.machine->name);
	if (!why->hint[0])
		err_hint(why,
			 "nothing is tried any more; 'berth machine check %s' "
			 "tries again",
			 link->config.machine->name);
}

static void
give_up(struct link *link)
{
	link->wants_down = false;
	set_state(link, LINK_DISCONNECTED);
	make_final(link);
	note(link, "disconnected", &link->why);
	tell_failed(link);
}

static bool
may_try_again(struct link *link, uint64_t *ret_ms)
{
	bool hurry = link->n_users > 0;

	if (!retry_may_help(&link->why))
		return false;
	if (!link->was_active && (link->retry.n + 1 >= FIRST_LIMIT ||
				  str_eq(link->stage, "resolve")))
		return false;
	/* By the clock that ends the pause: no other is exactly as late. */
	uv_update_time(link->config.loop);
	return retry_next(&link->retry, uv_now(link->config.loop), hurry,
			  ret_ms);
}

static void
try_again(struct link *link)
{
	struct link_watcher *watcher;
	uint64_t ms;

	if (!may_try_again(link, &ms)) {
		give_up(link);
		return;
	}
	uv_timer_start(&link->pause, on_pause_over, ms, 0);
	list_for_each (watcher, &link->watchers, link) {
		if (watcher->on_retry)
			watcher->on_retry(link->retry.n, ms, &link->why,
					  watcher->owner);
	}
}

/* A question that had no answer is the reason, whatever came of it. */
static void
explain(struct link *link, const struct err *why)
{
	const char *name = link->config.machine->name;

	link->why = *why;
	if (!link->had_no_one ||
	    (why->code != ERR_AUTH && why->code != ERR_HOST_KEY))
		return;
	if (link->unanswered == PROMPT_HOST_KEY)
		err_set(&link->why, ERR_HOST_KEY,
			"the host key of %s is not known, and there is no one "
			"to ask",
			name);
	else
		err_set(&link->why, ERR_AUTH,
			"%s asks for a %s, and there is no one to ask", name,
			prompt_kind_name(link->unanswered));
	err_hint(&link->why, "run 'berth machine check %s' on a terminal",
		 name);
}

static void
fail_attempt(struct link *link, const struct err *why)
{
	struct err copy = *why;

	explain(link, &copy);
	note(link, "failure", &link->why);
	tear_down(link, &link->why);
	try_again(link);
}

/* It was active and is not any more. */
static void
lose(struct link *link, const struct err *why)
{
	bool was_stable = clock_mono_ms() - link->active_ms > STABLE_MS;
	struct err copy = *why;

	link->why = copy;
	link->reconnects++;
	note(link, "disconnect", &copy);
	if (was_stable)
		retry_reset(&link->retry);
	set_state(link, retry_may_help(&copy) ? LINK_RECONNECTING
					      : LINK_DISCONNECTED);
	tear_down(link, &copy);
	if (link->state == LINK_DISCONNECTED) {
		link->wants_down = false;
		make_final(link);
		tell_failed(link);
		return;
	}
	link->attempt_ms = clock_mono_ms();
	if (was_stable)
		uv_timer_start(&link->pause, on_pause_over, 0, 0);
	else
		try_again(link);
}

static void
drop(struct link *link, const struct err *why)
{
	if (link->state == LINK_ACTIVE)
		lose(link, why);
	else
		fail_attempt(link, why);
}

static void start_bootstrap(struct link *link);
static void start_deadline(struct link *link);

/* The daemon has ended as somebody wished; what used it is cut. */
static void
be_stopped(struct link *link)
{
	struct link_watcher *watcher;
	struct list told;

	link->wants_down = false;
	err_set(&link->why, ERR_UNREACHABLE, "the daemon on %s was stopped",
		link->config.machine->name);
	tear_down(link, &link->why);
	set_state(link, LINK_DISCONNECTED);
	note(link, "disconnected", &link->why);
	list_move(&told, &link->watchers);
	while (!list_is_empty(&told)) {
		watcher = list_entry(told.next, struct link_watcher, link);
		list_unlink(&watcher->link);
		list_append(&link->watchers, &watcher->link);
		if (watcher->on_stopped)
			watcher->on_stopped(watcher->owner);
	}
}

static void
on_later(uv_timer_t *later)
{
	struct link *link = container_of(later, struct link, later);
	unsigned tasks = link->tasks;

	link->tasks = 0;
	if (tasks & LATER_DROP) {
		drop(link, &link->drop_why);
	} else if (tasks & LATER_STOPPED) {
		be_stopped(link);
	} else if (tasks & LATER_DAEMON && link->state == LINK_ACTIVE) {
		set_state(link, LINK_RECONNECTING);
		vigil_watch(&link->vigil, false);
		link->attempt_ms = clock_mono_ms();
		link->was_rechecked = false;
		start_deadline(link);
		start_bootstrap(link);
	}
}

static void
do_later(struct link *link, unsigned task)
{
	link->tasks |= task;
	uv_timer_start(&link->later, on_later, 0, 0);
}

static void
drop_later(struct link *link, const struct err *why)
{
	link->drop_why = *why;
	do_later(link, LATER_DROP);
}

/* Going up */

/* From "auth" on it is the machine that takes its time. */
static void
note_heard(struct link *link, const char *stage, uint64_t ms)
{
	if (link->is_heard || str_eq(stage, "connect") ||
	    str_eq(stage, "host_key"))
		return;
	link->is_heard = true;
	link->heard_ms = ms;
	start_deadline(link);
}

static void
reach_stage(struct link *link, const char *stage)
{
	uint64_t ms = clock_mono_ms() - link->attempt_ms;
	struct link_watcher *watcher;

	if (str_eq(link->stage, stage))
		return;
	snprintf(link->stage, sizeof(link->stage), "%s", stage);
	note_heard(link, stage, ms);
	log_debug("link", "stage", KV_STR("stage", stage), KV_INT("ms", ms));
	list_for_each (watcher, &link->watchers, link) {
		if (watcher->on_stage)
			watcher->on_stage(stage, ms, watcher->owner);
	}
}

static void
go_active(struct link *link)
{
	uv_timer_stop(&link->deadline);
	set_state(link, LINK_ACTIVE);
	link->was_active = true;
	link->active_ms = clock_mono_ms();
	note(link, "success", NULL);
	vigil_watch(&link->vigil, true);
	vigil_probe(&link->vigil);
}

static void
become_active(struct link *link)
{
	struct link_watcher *watcher;

	reach_stage(link, "ready");
	link->why = (struct err)ERR_INIT;
	go_active(link);
	list_for_each (watcher, &link->watchers, link) {
		if (watcher->on_active)
			watcher->on_active(watcher->owner);
	}
	/* It was wished for too late for this attempt. */
	if (link->wants_down)
		do_later(link, LATER_DAEMON);
}

/* Without a daemon: who wants one is told why there is none. */
static void
become_bare(struct link *link, const struct err *why, const char *stage)
{
	struct link_watcher *watcher;

	link->why = *why;
	buf_clear(&link->hello);
	go_active(link);
	list_for_each (watcher, &link->watchers, link) {
		if (watcher->is_bare && watcher->on_active)
			watcher->on_active(watcher->owner);
		else if (!watcher->is_bare && watcher->on_failed)
			watcher->on_failed(why, stage, watcher->owner);
	}
}

/* What no other attempt would change, on a machine that is there. */
static bool
is_lack(const struct err *why)
{
	return why->code == ERR_NOT_FOUND || why->code == ERR_UNSUPPORTED ||
	       why->code == ERR_DENIED || why->code == ERR_REMOTE;
}

/* Without its line end: it is shown within lines. */
static void
keep_hello(struct link *link, const struct buf *hello)
{
	size_t n = hello->len;

	while (n > 0 && buf_text(hello)[n - 1] == '\n')
		n--;
	buf_clear(&link->hello);
	(void)buf_add(&link->hello, buf_bytes(hello), n);
}

static void
on_hello(const struct buf *hello, const struct err *err, void *owner)
{
	struct link *link = owner;

	link->check = NULL;
	if (err == NULL) {
		keep_hello(link, hello);
		become_active(link);
	} else if (!link->was_rechecked) {
		/* The daemon may have been replaced just now. */
		link->was_rechecked = true;
		start_bootstrap(link);
	} else {
		drop_later(link, err);
	}
}

static void
on_absent(const struct err *why, void *owner)
{
	struct link *link = owner;

	log_info("link", "the daemon is gone", KV_ERR(why));
	do_later(link, LATER_DAEMON);
}

static void
on_bootstrap_stage(struct bootstrap *bootstrap UNUSED, const char *stage,
		   void *owner)
{
	bool is_shell = str_eq(stage, "shell");

	log_debug("link", "bootstrap", KV_STR("stage", stage));
	reach_stage(owner, is_shell ? stage : "daemon");
}

static char *
copy_of(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

/* Looking again in the same attempt does not undo what was done in it. */
static void
keep_daemon(struct link *link, const struct bootstrap_result *result)
{
	struct link_daemon *daemon = &link->daemon;
	bool installed = daemon->was_installed, upgraded = daemon->was_upgraded;

	clear_daemon(daemon);
	*daemon = (struct link_daemon){
		.program = copy_of(result->program),
		.home = copy_of(result->home),
		.life = copy_of(result->life),
		.machine = copy_of(result->machine),
		.was_installed = installed || result->was_installed,
		.was_upgraded = upgraded || result->was_upgraded,
	};
}

static void
on_bootstrapped(struct bootstrap *bootstrap,
		const struct bootstrap_result *result, void *owner)
{
	struct link *link = owner;
	const struct streams_config config = { .loop = link->config.loop,
					       .transport = link->transport,
					       .traffic = &link->traffic,
					       .socket = result->socket,
					       .binary = result->program,
					       .home = result->home,
					       .on_absent = on_absent,
					       .owner = link };
	const struct hello_expected expected = { .uid = result->uid,
						 .host_id = result->host_id,
						 .nonce = result->nonce };
	struct err err = ERR_INIT;

	if (link->is_going_down) {
		do_later(link, LATER_STOPPED);
		return;
	}
	keep_daemon(link, result);
	link->streams = streams_new(&config);
	link->check = hello_check_start(link->streams, &expected, on_hello,
					link, &err);
	/* A daemon that dies with its login keeps it. */
	if (!result->keeps_channel) {
		link->bootstrap = NULL;
		bootstrap_cancel(bootstrap);
	}
	if (link->check == NULL)
		drop_later(link, &err);
}

static void
on_bootstrap_failed(struct bootstrap *bootstrap, const struct err *err,
		    const char *stage, const char *seen UNUSED, void *owner)
{
	struct link *link = owner;
	struct err why = *err;
	char where[sizeof(link->stage)];

	snprintf(where, sizeof(where), "%s", stage);
	bootstrap_cancel(bootstrap);
	link->bootstrap = NULL;
	snprintf(link->stage, sizeof(link->stage), "%s", where);
	if (link->takes_bare && !link->is_going_down && is_lack(&why))
		become_bare(link, &why, where);
	else
		drop_later(link, &why);
}

static const struct bootstrap_events bootstrap_events = {
	.on_stage = on_bootstrap_stage,
	.on_done = on_bootstrapped,
	.on_fail = on_bootstrap_failed,
};

static void
start_bootstrap(struct link *link)
{
	const struct machine *machine = link->config.machine;
	const struct bootstrap_config config = {
		.loop = link->config.loop,
		.machine = machine,
		.goal = link->wants_down ? BOOTSTRAP_DOWN : BOOTSTRAP_UP,
		.may_install = !machine->no_install || link->wants_upgrade,
		.may_upgrade = link->wants_upgrade,
	};
	struct err err = ERR_INIT;

	drop_daemon(link);
	link->is_going_down = link->wants_down;
	link->bootstrap = bootstrap_start(link->transport, &config,
					  &bootstrap_events, link, &err);
	if (link->bootstrap == NULL)
		drop_later(link, &err);
}

static void
on_stage(struct transport *transport UNUSED, const char *stage, void *owner)
{
	reach_stage(owner, stage);
}

/* Once in an attempt: what was wrong the first time stays wrong. */
static bool
answer_from_store(struct link *link, const struct prompt *prompt)
{
	unsigned bit = BIT(prompt->kind);
	AUTO_SECRET *secret = NULL;

	if (link->config.find_secret == NULL || prompt->is_notice ||
	    link->tried_secrets & bit)
		return false;
	link->tried_secrets |= bit;
	secret = link->config.find_secret(prompt->kind, link->config.owner);
	if (secret == NULL)
		return false;
	link->transport->ops->answer(link->transport, secret_reveal(secret));
	return true;
}

static void
on_prompt(struct transport *transport, const struct prompt *prompt, void *owner)
{
	struct link *link = owner;
	const struct event event = { .type = "prompt",
				     .stage = link->stage,
				     .text = prompt_kind_name(prompt->kind) };

	if (answer_from_store(link, prompt))
		return;
	if (prompts_ask(&link->prompts, prompt)) {
		events_write(link->config.events, &event);
		return;
	}
	link->had_no_one = true;
	link->unanswered = prompt->kind;
	transport->ops->answer(transport, NULL);
}

static void
on_answer(const char *text, void *owner)
{
	struct link *link = owner;

	if (link->transport)
		link->transport->ops->answer(link->transport, text);
	/* The person took the time that was for the machine. */
	if (uv_is_active((uv_handle_t *)&link->deadline))
		uv_timer_again(&link->deadline);
}

static void
on_up(struct transport *transport UNUSED, void *owner)
{
	struct link *link = owner;

	link->is_up = true;
	start_bootstrap(link);
}

static void
on_down(struct transport *transport UNUSED, const struct err *why, void *owner)
{
	struct link *link = owner;

	drop_later(link, why);
}

static const struct transport_events transport_events = {
	.on_stage = on_stage,
	.on_prompt = on_prompt,
	.on_up = on_up,
	.on_down = on_down,
};

static uint64_t
patience_ms(const struct link *link)
{
	uint64_t all = link->config.machine->connect_timeout;

	if (link->state != LINK_RECONNECTING || link->is_heard)
		return all;
	return MIN(all,
		   MAX(link->heard_ms * SILENT_TIMES, (uint64_t)SILENT_MS));
}

static void
on_deadline(uv_timer_t *timer)
{
	struct link *link = container_of(timer, struct link, deadline);
	struct err err = ERR_INIT;

	if (prompts_is_open(&link->prompts))
		return;
	err_set(&err, ERR_TIMEOUT, "%s did not answer in %llu s (%s)",
		link->config.machine->name,
		(unsigned long long)patience_ms(link) / 1000, link->stage);
	drop(link, &err);
}

static void
start_deadline(struct link *link)
{
	uint64_t ms = patience_ms(link);

	uv_timer_start(&link->deadline, on_deadline, ms, ms);
}

static void
start_attempt(struct link *link)
{
	const struct machine *machine = link->config.machine;
	const struct transport_config config = {
		.loop = link->config.loop,
		.machine = machine,
		.directory = link->config.directory,
		.name = link->config.name,
		.compress = machine->compression == MACHINE_COMPRESSION_ON,
		.events = &transport_events,
		.owner = link,
	};
	struct err err = ERR_INIT;

	link->attempt++;
	link->attempt_ms = clock_mono_ms();
	link->stage[0] = '\0';
	link->was_rechecked = link->had_no_one = link->is_heard = false;
	link->tried_secrets = 0;
	note(link, "attempt", NULL);
	snprintf(link->stage, sizeof(link->stage), "resolve");
	start_deadline(link);
	link->transport = link->config.ops->new (&config, &err);
	if (link->transport == NULL)
		drop(link, &err);
}

static void
on_pause_over(uv_timer_t *timer)
{
	struct link *link = container_of(timer, struct link, pause);

	if (link->transport == NULL)
		start_attempt(link);
}

static void
try_now(struct link *link)
{
	if (link->transport == NULL && link->state != LINK_DISCONNECTED)
		uv_timer_start(&link->pause, on_pause_over, 0, 0);
}

/* Signs of life */

static void
on_pong(void *owner, uint64_t us)
{
	struct link *link = owner;

	meter_pong(&link->traffic.meter, clock_mono_ms(), us);
	vigil_pong(&link->vigil);
}

static void
ping(void *owner)
{
	struct link *link = owner;

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
	drop(link, &err);
}

static void
on_wake(void *owner)
{
	try_now(owner);
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
	try_now(link);
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
	prompts_init(&link->prompts, on_answer, link);
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
	clear_daemon(&link->daemon);
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
	tear_down(link, &err);
	link->n_handles = VIGIL_HANDLES + network_n_handles(&link->network);
	vigil_fini(&link->vigil, on_closed, link);
	network_fini(&link->network, on_closed, link);
	close_timer(link, &link->pause);
	close_timer(link, &link->deadline);
	close_timer(link, &link->later);
	close_timer(link, &link->idle);
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

	keep_host_key(link);
	if (link->transport && link->transport->ops->facts)
		link->transport->ops->facts(link->transport, &facts);

	*ret = (struct link_status){
		.state = link->state,
		.since_ns = link->since_ns,
		.transport = link->config.ops->name,
		.hello = &link->hello,
		.why = link->why.code ? &link->why : NULL,
		.daemon = link->daemon.program ? &link->daemon : NULL,
		.host_key = link->host_key[0] ? link->host_key : NULL,
		.ssh_socket = facts.socket,
		.retry_ms = pause,
		.meter = &link->traffic.meter,
		.reconnects = link->reconnects,
		.n_users = link->n_users,
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
		set_state(link, LINK_CONNECTING);
	}
	link->was_active |= again;
	/* Who waits already has a pause to wait for. */
	if (begins || !again)
		try_now(link);
}

/* One without a daemon looks for it again. */
void
link_connect(struct link *link, bool again)
{
	if (link_is_bare(link))
		do_later(link, LATER_DAEMON);
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
		do_later(link, LATER_DAEMON);
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
