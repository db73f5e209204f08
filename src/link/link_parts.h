/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_LINK_PARTS_H
#define BERTH_LINK_LINK_PARTS_H

/*
 * What the parts of the link share: its states (link.c), its way up (link_up.c)
 * and down (link_down.c), and the way past it (link_near.c).  Nobody else
 * includes this.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/list.h"
#include "link/link.h"
#include "link/network.h"
#include "link/prompt.h"
#include "link/pump.h"
#include "link/retry.h"
#include "link/vigil.h"

struct bootstrap;
struct hello_check;
struct streams;
struct transport;

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
	unsigned n_silent; /* attempts in a row in which it did not, in time */
	int64_t attempt;
	char stage[32];
	bool is_up;	    /* the transport */
	bool is_ending;	    /* was active, is lost, and why is not known yet */
	bool was_active;    /* since a person wanted it */
	bool was_rechecked; /* in this attempt */
	bool had_no_one;    /* a question of this attempt had no answer */
	enum prompt_kind unanswered;
	unsigned tried_secrets; /* bits of kinds, in this attempt */
	bool wants_upgrade;
	bool takes_bare; /* somebody can do without a daemon */
	bool wants_down;
	bool is_going_down; /* the bootstrap's goal */

	struct {
		struct list leases;
		size_t n_leases;
		uv_timer_t look;
		char *remote;	   /* where it leads */
		char *hidden_path; /* its name while the machine is far */
		bool is_asked;	   /* in this connection */
		bool is_there, is_hidden;
		unsigned n_far; /* signs of life in a row that took long */
	} near;

	struct err why;
	struct err lost; /* why the last active connection was */
	uint64_t lost_ns;
	struct buf hello;
	struct link_daemon daemon;
	char host_key[128]; /* the machine showed last */
	uint64_t reconnects;
	size_t n_users;
};

/* --- link.c --- */

/* May it follow?  That is asserted. */
void link_set_state(struct link *link, enum link_state state);

/* Into the log of events. */
void link_note(struct link *link, const char *type, const struct err *err);

/* What of the connection outlives it. */
void link_keep_host_key(struct link *link);

/* Forget what was known of it. */
void link_clear_daemon(struct link_daemon *daemon);

/* --- link_down.c --- */

/* Take down everything above the transport; and all of it. */
void link_drop_daemon(struct link *link);
void link_tear_down(struct link *link, const struct err *why);

/* The connection is gone; why is told soon. */
void link_await_reason(struct link *link);

/* It failed, or is lost: all is taken down, and perhaps tried again. */
void link_drop(struct link *link, const struct err *why);

/* The same, and the tasks above, in the next turn of the loop. */
void link_drop_later(struct link *link, const struct err *why);
void link_do_later(struct link *link, unsigned task);

/* Who waits for the next attempt: at once, or soon. */
void link_try_now(struct link *link);
void link_hurry(struct link *link);

/* --- link_near.c --- */

/* Is it time for a near way, or was it?  After each sign of life. */
void link_near_look(struct link *link, uint64_t pong_us);

/* The connection is gone, and the near way with it. */
void link_near_end(struct link *link);

/* --- link_up.c --- */

/* Begin at the transport. */
void link_attempt(struct link *link);

/* ... or at the daemon, over a transport that stands. */
void link_bootstrap(struct link *link);

/* How long the attempt may take, from now. */
void link_start_deadline(struct link *link);

/* A person answered; NULL: does not. */
void link_on_answer(const char *text, void *owner);

#endif
