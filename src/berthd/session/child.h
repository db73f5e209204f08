/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_CHILD_H
#define BERTHD_SESSION_CHILD_H

/*
 * The end of a process, as an event: any process by its pidfd, and the status
 * if it is our child.
 *
 * Embedded in its owner, which stays until on_closed was called.
 */

#include <stdbool.h>
#include <sys/types.h>

#include <uv.h>

struct child;

typedef void child_fn(struct child *child);

struct child {
	pid_t pid;
	bool is_ours; /* reap it */
	int status;   /* of waitpid, in on_end */
	child_fn *on_end, *on_closed;
	int pidfd;
	uv_poll_t watch;
	bool is_open, has_ended;
};

/*
 * Watch.  on_end comes from the loop, once, also if it is gone already.  False:
 * there is no such process, or none can be watched; nothing follows.
 */
bool child_watch(struct child *child, struct uv_loop_s *loop);

/* By its pidfd: never somebody else. */
void child_kill(struct child *child, int sig);

/* No on_end follows, on_closed does.  A child of ours is killed and reaped. */
void child_close(struct child *child);

#endif
