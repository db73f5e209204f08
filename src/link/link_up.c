/* SPDX-License-Identifier: ISC */

/*
 * The way up of a link: transport, bootstrap, hello; see link_parts.h.
 *
 * Each rung tells its stage and is followed by the next; what fails on it goes
 * to link_drop, which knows whether there is another attempt.
 */

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "machine/machine.h"
#include "secret/secret.h"
#include "link/bootstrap.h"
#include "link/events.h"
#include "link/hello.h"
#include "link/link_parts.h"
#include "link/streams.h"
#include "link/transport.h"

/*
 * A machine that was reached before says something within this, or within a few
 * times what it took then.  Who waits longer waits for a connection that was
 * made to a machine that is gone since, or that is not up yet.  It may be one
 * that is busier than before, so each next attempt has twice as long.
 */
#define SILENT_MS 5000
#define SILENT_TIMES 4
#define MAX_DOUBLINGS 6

/* From "auth" on it is the machine that takes its time. */
static void
note_heard(struct link *link, const char *stage, uint64_t ms)
{
	if (link->is_heard || str_eq(stage, "connect") ||
	    str_eq(stage, "host_key"))
		return;
	link->is_heard = true;
	link->heard_ms = ms;
	link->n_silent = 0;
	link_start_deadline(link);
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
	link_set_state(link, LINK_ACTIVE);
	link->was_active = true;
	link->active_ms = clock_mono_ms();
	retry_reached(&link->retry);
	meter_begin(&link->traffic.meter, link->active_ms);
	link_note(link, "success", NULL);
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
		link_do_later(link, LATER_DAEMON);
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
		link_bootstrap(link);
	} else {
		link_drop_later(link, err);
	}
}

static void
on_absent(const struct err *why, void *owner)
{
	struct link *link = owner;

	log_info("link", "the daemon is gone", KV_ERR(why));
	link_do_later(link, LATER_DAEMON);
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

	link_clear_daemon(daemon);
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
		link_do_later(link, LATER_STOPPED);
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
		link_drop_later(link, &err);
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
		link_drop_later(link, &why);
}

static const struct bootstrap_events bootstrap_events = {
	.on_stage = on_bootstrap_stage,
	.on_done = on_bootstrapped,
	.on_fail = on_bootstrap_failed,
};

void
link_bootstrap(struct link *link)
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

	link_drop_daemon(link);
	link->is_going_down = link->wants_down;
	link->bootstrap = bootstrap_start(link->transport, &config,
					  &bootstrap_events, link, &err);
	if (link->bootstrap == NULL)
		link_drop_later(link, &err);
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

void
link_on_answer(const char *text, void *owner)
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
	link_bootstrap(link);
}

static void
on_down(struct transport *transport UNUSED, const struct err *why, void *owner)
{
	struct link *link = owner;

	link_drop_later(link, why);
}

static void
on_lost(struct transport *transport UNUSED, void *owner)
{
	link_await_reason(owner);
}

static const struct transport_events transport_events = {
	.on_stage = on_stage,
	.on_prompt = on_prompt,
	.on_up = on_up,
	.on_lost = on_lost,
	.on_down = on_down,
};

static uint64_t
patience_ms(const struct link *link)
{
	uint64_t all = link->config.machine->connect_timeout;
	uint64_t ms = MAX(link->heard_ms * SILENT_TIMES, (uint64_t)SILENT_MS);

	if (link->state != LINK_RECONNECTING || link->is_heard)
		return all;
	return MIN(all, ms << MIN(link->n_silent, (unsigned)MAX_DOUBLINGS));
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
	if (!link->is_heard)
		link->n_silent++;
	link_drop(link, &err);
}

void
link_start_deadline(struct link *link)
{
	uint64_t ms = patience_ms(link);

	uv_timer_start(&link->deadline, on_deadline, ms, ms);
}

void
link_attempt(struct link *link)
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
	link_note(link, "attempt", NULL);
	snprintf(link->stage, sizeof(link->stage), "resolve");
	link_start_deadline(link);
	link->transport = link->config.ops->new (&config, &err);
	if (link->transport == NULL)
		link_drop(link, &err);
}
