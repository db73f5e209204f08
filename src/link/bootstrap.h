/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_BOOTSTRAP_H
#define BERTH_LINK_BOOTSTRAP_H

/*
 * A daemon on a machine of which nothing is known but that a login there runs
 * commands.
 *
 * One command channel is opened.  Its command is the same for every machine and
 * means the same to every login shell; all else goes over its input, so no
 * value ever stands in a text that a shell reads.  A random token tells our
 * lines from what the machine prints by itself.
 *
 *	shell	  until /bin/sh answers
 *	probe	  which programs and daemons are there?
 *	upload	  only when needed: the program for the machine's architecture
 *	install	  it proved whole and able to run, and has its name
 *	start	  a daemon is started, or takes over
 *	identity  who is it?  Told over the channel that ssh has vouched for
 *
 * A newer daemon is never replaced by an older one.
 *
 * Calling sequence: bootstrap_start, at most one of on_done and on_fail, and
 * bootstrap_cancel, once, in every state, also from a callback.  A result with
 * `keeps_channel' means that the daemon dies with its login: then cancel when
 * it may.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct bootstrap;
struct machine;
struct transport;
struct uv_loop_s;

enum bootstrap_goal {
	BOOTSTRAP_UP,
	BOOTSTRAP_DOWN, /* stop the daemon, if one runs; its execs go on */
};

struct bootstrap_config {
	struct uv_loop_s *loop;
	const struct machine *machine; /* borrowed for good */
	enum bootstrap_goal goal;
	bool may_install;     /* a program where there is none of use */
	bool may_upgrade;     /* an older one than ours */
	const char *programs; /* directory of ours; NULL: see program.h */
};

struct bootstrap_result {
	const char *program; /* path there */
	const char *home;    /* BERTH_HOME that the program needs, or NULL */
	const char *socket;  /* path there */
	const char *version; /* the daemon's */
	const char *host_id;
	const char *nonce;
	const char *life;    /* "systemd-linger", "systemd", "detached",
				"attached" */
	const char *machine; /* "Linux x86_64" */
	const char *hello;   /* the daemon's own JSON */
	int64_t uid, api;
	bool was_installed; /* where there was none of use */
	bool was_upgraded;  /* in the place of an older one */
	bool keeps_channel;
};

struct bootstrap_events {
	/* It begins; the names above, borrowed for good. */
	void (*on_stage)(struct bootstrap *, const char *stage, void *owner);

	/* Of an upload; may be NULL. */
	void (*on_progress)(struct bootstrap *, uint64_t done, uint64_t total,
			    void *owner);

	/* Borrowed until cancelled.  After BOOTSTRAP_DOWN all is NULL. */
	void (*on_done)(struct bootstrap *, const struct bootstrap_result *,
			void *owner);

	/*
	 * `seen' is the end of what the machine printed by itself, visible.
	 * ERR_UNREACHABLE and ERR_TIMEOUT may be tried again; ERR_REMOTE: the
	 * login or a program there failed; ERR_NOT_FOUND: there is no daemon
	 * and none may be installed; ERR_UNSUPPORTED: its architecture or its
	 * version.
	 */
	void (*on_fail)(struct bootstrap *, const struct err *,
			const char *stage, const char *seen, void *owner);
};

/* `events' is borrowed for good, `config' during the call. */
struct bootstrap *bootstrap_start(struct transport *transport,
				  const struct bootstrap_config *config,
				  const struct bootstrap_events *events,
				  void *owner, struct err *err);

/* Ends and frees it; no callback follows.  NULL is nothing. */
void bootstrap_cancel(struct bootstrap *bootstrap);

#endif
