/* SPDX-License-Identifier: ISC */

/*
 * The link's way down: what fails, is lost or was ended, and whether and when
 * it is tried again; see link_parts.h.
 */

#include <uv.h>

#include "core/clock.h"
#include "core/macros.h"
#include "core/text.h"
#include "machine/machine.h"
#include "link/bootstrap.h"
#include "link/hello.h"
#include "link/link_parts.h"
#include "link/streams.h"
#include "link/transport.h"

/* A machine that was never reached may be a wrong name: say so soon. */
#define FIRST_LIMIT 3

/* A connection that lasted so long was a good one. */
#define STABLE_MS 5000

static void on_pause_over(uv_timer_t *timer);

/* Everything above the transport. */
void
link_drop_daemon(struct link *link)
{
	bootstrap_cancel(TAKE(link->bootstrap));
	hello_check_free(TAKE(link->check));
	streams_free(TAKE(link->streams));
}

void
link_tear_down(struct link *link, const struct err *why)
{
	struct transport *transport;

	link_keep_host_key(link);
	transport = TAKE(link->transport);

	uv_timer_stop(&link->deadline);
	vigil_watch(&link->vigil, false);
	prompts_clear(&link->prompts);
	link->tasks = 0;
	link->is_up = link->is_ending = false;
	link_near_end(link);
	link_drop_daemon(link);
	if (transport)
		transport->ops->free(transport);
	traffic_cut(&link->traffic, why);
}

typedef void tell_fn(struct link *link, struct link_watcher *watcher);

/* One at a time: who is told may join anew. */
static void
tell_watchers(struct link *link, tell_fn *tell)
{
	struct link_watcher *watcher;
	struct list told;

	list_move(&told, &link->watchers);
	while (!list_is_empty(&told)) {
		watcher = list_entry(told.next, struct link_watcher, link);
		list_unlink(&watcher->link);
		list_append(&link->watchers, &watcher->link);
		tell(link, watcher);
	}
}

static void
tell_failed(struct link *link, struct link_watcher *watcher)
{
	if (watcher->on_failed)
		watcher->on_failed(&link->why, link->stage, watcher->owner);
}

static void
tell_stopped(struct link *link UNUSED, struct link_watcher *watcher)
{
	if (watcher->on_stopped)
		watcher->on_stopped(watcher->owner);
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
	link_set_state(link, LINK_DISCONNECTED);
	make_final(link);
	link_note(link, "disconnected", &link->why);
	tell_watchers(link, tell_failed);
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
	link_note(link, "failure", &link->why);
	link_tear_down(link, &link->why);
	try_again(link);
}

/* It was active and is not any more. */
static void
lose(struct link *link, const struct err *why)
{
	bool was_stable = clock_mono_ms() - link->active_ms > STABLE_MS;
	struct err copy = *why;

	link->why = link->lost = copy;
	link->lost_ns = clock_wall_ns();
	link->reconnects++;
	link_note(link, "disconnect", &copy);
	if (was_stable)
		retry_reset(&link->retry);
	link_set_state(link, retry_may_help(&copy) ? LINK_RECONNECTING
						   : LINK_DISCONNECTED);
	link_tear_down(link, &copy);
	if (link->state == LINK_DISCONNECTED) {
		link->wants_down = false;
		make_final(link);
		tell_watchers(link, tell_failed);
		return;
	}
	link->attempt_ms = clock_mono_ms();
	if (was_stable)
		uv_timer_start(&link->pause, on_pause_over, 0, 0);
	else
		try_again(link);
}

void
link_await_reason(struct link *link)
{
	if (link->state != LINK_ACTIVE)
		return;
	link->is_ending = true;
	vigil_watch(&link->vigil, false);
	link_set_state(link, LINK_RECONNECTING);
}

void
link_drop(struct link *link, const struct err *why)
{
	if (link->state == LINK_ACTIVE || link->is_ending)
		lose(link, why);
	else
		fail_attempt(link, why);
}

/* The daemon has ended as somebody wished; what used it is cut. */
static void
be_stopped(struct link *link)
{
	link->wants_down = false;
	err_set(&link->why, ERR_UNREACHABLE, "the daemon on %s was stopped",
		link->config.machine->name);
	link_tear_down(link, &link->why);
	link_set_state(link, LINK_DISCONNECTED);
	link_note(link, "disconnected", &link->why);
	tell_watchers(link, tell_stopped);
}

static void
on_later(uv_timer_t *later)
{
	struct link *link = container_of(later, struct link, later);
	unsigned tasks = link->tasks;

	link->tasks = 0;
	if (tasks & LATER_DROP) {
		link_drop(link, &link->drop_why);
	} else if (tasks & LATER_STOPPED) {
		be_stopped(link);
	} else if (tasks & LATER_DAEMON && link->state == LINK_ACTIVE) {
		link_set_state(link, LINK_RECONNECTING);
		vigil_watch(&link->vigil, false);
		link->attempt_ms = clock_mono_ms();
		link->was_rechecked = false;
		link_start_deadline(link);
		link_bootstrap(link);
	}
}

void
link_do_later(struct link *link, unsigned task)
{
	link->tasks |= task;
	uv_timer_start(&link->later, on_later, 0, 0);
}

void
link_drop_later(struct link *link, const struct err *why)
{
	link->drop_why = *why;
	link_do_later(link, LATER_DROP);
}

static void
on_pause_over(uv_timer_t *timer)
{
	struct link *link = container_of(timer, struct link, pause);

	if (link->transport == NULL)
		link_attempt(link);
}

void
link_try_now(struct link *link)
{
	if (link->transport == NULL && link->state != LINK_DISCONNECTED)
		uv_timer_start(&link->pause, on_pause_over, 0, 0);
}

/* The pause began when nobody waited. */
void
link_hurry(struct link *link)
{
	uint64_t left;

	if (!uv_is_active((uv_handle_t *)&link->pause))
		return;
	left = uv_timer_get_due_in(&link->pause);
	uv_timer_start(&link->pause, on_pause_over, retry_hurried(left), 0);
}
