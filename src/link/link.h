/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_LINK_H
#define BERTH_LINK_LINK_H

/*
 * The link: having a connection to one machine, and a daemon at its end,
 * whatever happens to either.
 *
 *	disconnected  nothing is tried before a person wants it
 *	connecting    on the way there for the first time since then
 *	active        streams can be had
 *	reconnecting  it was lost and is tried again
 *
 * Watchers are told what happens while they watch.  Callbacks come from the
 * loop only; a watcher may leave in any of them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/list.h"
#include "link/prompt.h"
#include "link/pump.h"

struct buf;
struct channel_spec;
struct events;
struct link;
struct machine;
struct secret;
struct transport_ops;
struct stream;
struct uv_loop_s;

enum link_state {
	LINK_DISCONNECTED,
	LINK_CONNECTING,
	LINK_ACTIVE,
	LINK_RECONNECTING,
	LINK_STATES
};

/* "disconnected" */
const char *link_state_name(enum link_state state);
bool link_may_follow(enum link_state from, enum link_state to);

struct link_config {
	struct uv_loop_s *loop;
	const struct machine *machine; /* borrowed for good */
	const struct transport_ops *ops;
	const char *directory; /* for sockets; borrowed for good */
	const char *name;      /* of sockets; NULL: the machine's */
	const char *near_path; /* of the near way; NULL: none; borrowed, too */
	struct events *events; /* borrowed for good */
	/* A stored answer, which is taken; NULL: none.  May be NULL. */
	struct secret *(*find_secret)(enum prompt_kind kind, void *owner);
	void (*on_idle)(void *owner); /* nobody used it for machine->idle */
	void *owner;
};

/* Any may be NULL. */
struct link_watcher {
	struct list link;
	void (*on_stage)(const char *stage, uint64_t ms, void *owner);
	void (*on_retry)(int64_t attempt, uint64_t in_ms, const struct err *why,
			 void *owner);
	void (*on_active)(void *owner);
	void (*on_stopped)(void *owner); /* link_down is done */
	void (*on_failed)(const struct err *why, const char *stage,
			  void *owner);
	void *owner;
	bool is_bare; /* active is enough, with a daemon or without */
};

/* How the daemon there lives, as it was found or made to; see bootstrap.h. */
struct link_daemon {
	char *program, *home, *life, *machine;
	bool was_installed, was_upgraded;
};

struct link_status {
	enum link_state state;
	uint64_t since_ns; /* wall time */
	const char *transport;
	const struct buf *hello;	  /* JSON; empty: not known */
	const struct err *why;		  /* NULL: nothing is wrong */
	const struct err *lost;		  /* why it was, last; NULL: never */
	uint64_t lost_ns;		  /* when; wall time */
	const struct link_daemon *daemon; /* NULL: not known */
	const char *host_key;		  /* fingerprint, or NULL */
	const char *ssh_socket;		  /* of ssh's master, or NULL */
	uint64_t retry_ms;		  /* until the next attempt; 0: none */
	struct meter *meter;
	uint64_t reconnects;
	size_t n_users, n_spare, n_near;
	bool may_install;
};

struct link *link_new(const struct link_config *config);
void link_free(struct link *link);

enum link_state link_state(const struct link *link);
void link_status(struct link *link, struct link_status *ret);
struct prompts *link_prompts(struct link *link);

/* The stage of an attempt that is under way is told at once. */
void link_watch(struct link *link, struct link_watcher *watcher);
void link_unwatch(struct link_watcher *watcher);

/*
 * A person wants it: begin if nothing is tried, and try now if one waits.
 * `again': the person wanted it before, and had it.  So the name of the machine
 * is not in doubt, and what was given up then is not begun anew.
 */
void link_connect(struct link *link, bool again);

/*
 * The same for who can do without a daemon: a machine that lacks one makes an
 * active link from now on, whose streams are not the daemon's.
 */
void link_connect_bare(struct link *link, bool again);

/* Is it active without a daemon? */
bool link_is_bare(const struct link *link);

/* Connect, and look after the daemon there anew. */
void link_up(struct link *link, bool upgrade);

/*
 * Connect, stop the daemon there, and be disconnected.  Watchers are told
 * on_stopped, or that it failed.
 */
void link_down(struct link *link);

/*
 * A stream to the daemon, or another channel.  ERR_UNREACHABLE when the link
 * is not active.
 */
struct pump *link_take(struct link *link, const struct pump_events *events,
		       void *owner, struct err *err);
struct pump *link_open(struct link *link, const struct channel_spec *spec,
		       const struct pump_events *events, void *owner,
		       struct err *err);

/* A transport for channels that no pump fits; NULL when it is not active. */
struct transport *link_transport(struct link *link);
struct traffic *link_traffic(struct link *link);

/* Does `near_path' lead to the daemon now, past this process? */
bool link_is_near(const struct link *link);

/* Somebody is about to use it, and does as long as `client', taken, stands. */
void link_lease(struct link *link, struct stream *client);

/* A stream that was taken did not open. */
void link_refused(struct link *link, const struct err *why);

/* Why there is nothing, as an error for a client. */
void link_why(const struct link *link, struct err *ret);

/* Somebody uses the link, or waits for it: it does not idle. */
void link_use(struct link *link);
void link_release(struct link *link);

#endif
