/* SPDX-License-Identifier: ISC */

/*
 * The near way: while the machine is near, its daemon is also behind a socket
 * of ssh itself; see link_parts.h.
 *
 * What goes there does not pass through this process: on a wire that is faster
 * than the processors, that is what a transfer gains.  It costs a round trip
 * for each stream, there are no spares, and we neither count its bytes nor see
 * it wait.  So it is there only where a round trip is short, for those who have
 * much to say, and whoever uses it holds a lease: a connection to us, which
 * counts as a stream, and for whose sake the machine is asked for a sign of
 * life as often as for an answer that is late.  Its holder says on it that
 * bytes go on, and as long as there is one we wait longer for a sign.
 *
 * The socket lives as long as ssh's master.  While the machine is not near any
 * more it has another name, which nobody looks for.  A daemon that comes back
 * elsewhere than it was is not reached by it, and then there is none until the
 * next connection.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/stream.h"
#include "link/link_parts.h"
#include "link/streams.h"
#include "link/transport.h"

/* ssh's window of 2 MiB in this time is more than a processor encrypts. */
#define NEAR_US 4000

/* A busy machine does not answer at once either, and is near all the same. */
#define FAR_US 20000
#define N_FAR 4

#define LOOK_MS 2000

/*
 * A window of ssh and what is in sockets besides, at 2 Mbit/s: until the
 * machine has taken so much, an answer is behind it and nobody hears of it.
 */
#define LEASE_SIGN_MS 12000

#define MAX_LEASES 1024

struct lease {
	struct list link;
	struct link *owner;
	struct stream *client;
};

static void
lease_free(struct lease *lease)
{
	struct link *link = lease->owner;

	list_unlink(&lease->link);
	stream_close(lease->client);
	free(lease);
	if (--link->near.n_leases == 0) {
		uv_timer_stop(&link->near.look);
		vigil_be_patient(&link->vigil, 0);
	}
	link_release(link);
}

/* Whoever goes past us says so as long as it goes on. */
static void
on_lease_data(struct stream *client UNUSED, const void *bytes UNUSED,
	      size_t n UNUSED, void *owner)
{
	struct lease *lease = owner;

	meter_heard(&lease->owner->traffic.meter, clock_mono_ms());
}

static void
on_lease_end(struct stream *client UNUSED, const struct err *err UNUSED,
	     void *owner)
{
	lease_free(owner);
}

static const struct stream_events lease_events = {
	.on_data = on_lease_data,
	.on_end = on_lease_end,
};

static void
on_look(uv_timer_t *timer)
{
	struct link *link = container_of(timer, struct link, near.look);

	vigil_probe(&link->vigil);
}

void
link_lease(struct link *link, struct stream *client)
{
	struct lease *lease = xcalloc(1, sizeof(*lease));

	lease->owner = link;
	lease->client = client;
	list_append(&link->near.leases, &lease->link);
	link->near.n_leases++;
	link_use(link);
	uv_timer_start(&link->near.look, on_look, LOOK_MS, LOOK_MS);
	vigil_be_patient(&link->vigil, LEASE_SIGN_MS);
	stream_set_events(client, &lease_events, lease);
	stream_resume(client);
	/* It may be farther than it was. */
	vigil_probe(&link->vigil);
}

static void
remove_socket(struct link *link)
{
	(void)unlink(link->config.near_path);
	(void)unlink(link->near.hidden_path);
	link->near.is_there = link->near.is_hidden = false;
	link->near.n_far = 0;
}

/*
 * Show the socket or hide it.  One quick answer says that the machine is near,
 * but only some slow ones that it is not.
 */
static void
follow_rtt(struct link *link, uint64_t pong_us)
{
	const char *shown = link->config.near_path;
	const char *hidden = link->near.hidden_path;

	link->near.n_far = pong_us > FAR_US ? link->near.n_far + 1 : 0;
	if (!link->near.is_hidden && link->near.n_far >= N_FAR)
		link->near.is_hidden = rename(shown, hidden) == 0;
	else if (link->near.is_hidden && pong_us <= NEAR_US)
		link->near.is_hidden = rename(hidden, shown) != 0;
}

static void
on_forwarded(const struct err *err, void *owner)
{
	struct link *link = owner;

	if (err) {
		log_info("link", "no near way", KV_ERR(err));
		return;
	}
	log_debug("link", "near", KV_STR("socket", link->config.near_path));
	link->near.is_there = true;
}

static void
ask_for_it(struct link *link)
{
	struct transport *transport = link->transport;
	struct err err = ERR_INIT;

	link->near.is_asked = true;
	free(link->near.remote);
	link->near.remote = xstrdup(streams_socket(link->streams));
	free(link->near.hidden_path);
	link->near.hidden_path = xasprintf("%s-", link->config.near_path);
	remove_socket(link);
	if (transport->ops->forward(transport, link->config.near_path,
				    link->near.remote, on_forwarded, &err) < 0)
		log_info("link", "no near way", KV_ERR(&err));
}

void
link_near_look(struct link *link, uint64_t pong_us)
{
	if (link->state != LINK_ACTIVE || link->streams == NULL ||
	    link->config.near_path == NULL ||
	    link->transport->ops->forward == NULL)
		return;
	if (link->near.is_there &&
	    !str_eq(link->near.remote, streams_socket(link->streams)))
		remove_socket(link);
	if (link->near.is_there)
		follow_rtt(link, pong_us);
	if (!link->near.is_asked && streams_are_forwarded(link->streams) &&
	    pong_us <= NEAR_US)
		ask_for_it(link);
}

void
link_near_end(struct link *link)
{
	if (link->near.is_asked)
		remove_socket(link);
	link->near.is_asked = false;
	while (!list_is_empty(&link->near.leases))
		lease_free(
		    list_entry(link->near.leases.next, struct lease, link));
}

bool
link_is_near(const struct link *link)
{
	return link->state == LINK_ACTIVE && link->streams &&
	       link->near.is_there && !link->near.is_hidden &&
	       link->near.n_leases < MAX_LEASES &&
	       str_eq(link->near.remote, streams_socket(link->streams));
}
