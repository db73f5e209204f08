/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_CHILD_H
#define BERTH_LINK_CHILD_H

/*
 * A program that works for this process: its lines are heard, its end is told,
 * and it does not outlive us.
 *
 * It runs in a session of its own, so that no key of a terminal reaches it and
 * it finds no terminal to ask questions on; it gets SIGTERM when this process
 * dies, however that happens.  Whatever it started and left behind in its
 * process group is killed when it ends.
 */

#include <stddef.h>
#include <sys/types.h>

#include "core/err.h"

struct child;
struct uv_loop_s;

struct child_events {
	/* Borrowed; without its end; too long a line comes in parts. */
	void (*on_line)(struct child *, int fd, const char *line, size_t n,
			void *owner);

	/* Once, after the last line; `status' as waitpid has it. */
	void (*on_exit)(struct child *, int status, void *owner);
};

/*
 * Run `argv', found by PATH, with `env'.  Both callbacks come from the loop
 * and may free the child.  ERR_NOT_FOUND: there is no such program.
 */
struct child *child_new(struct uv_loop_s *loop, char *const *argv,
			char *const *env, const struct child_events *events,
			void *owner, struct err *err);

/* Kill it and its group, and wait for that.  NULL is allowed. */
void child_free(struct child *child);

/* Ask it, not its group, to end. */
void child_terminate(struct child *child);

pid_t child_pid(const struct child *child);

#endif
