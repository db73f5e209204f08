/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_RUNNER_H
#define BERTHD_EXEC_RUNNER_H

/*
 * What executes an exec.  One implementation per kind of place: processes of
 * this machine now (runner_process.c).
 *
 * A run is one execution as the daemon sees it while it lives.  Letting go of
 * a run (run_free) does not end what it stands for; adopting finds it again
 * from the exec's directory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct exec_state;
struct launch;
struct run;
struct runner;

/* Called from the loop, never from inside a function below. */
struct run_events {
	/* It became `state', borrowed for the call. */
	void (*on_state)(struct run *, const struct exec_state *state,
			 void *owner);
	/* Nothing was started, and nothing is on disk. */
	void (*on_refused)(struct run *, const struct err *err, void *owner);
	/* Bytes of input taken in all; closed: no more are wanted. */
	void (*on_input)(struct run *, uint64_t taken, bool closed,
			 void *owner);
	/* It is over or unreachable: what is on disk counts now. */
	void (*on_gone)(struct run *, void *owner);
};

/* Base of every run; implementations embed it first. */
struct run {
	struct runner *runner;
	const struct run_events *events;
	void *owner;
};

struct runner {
	const char *name;
	struct run *(*start)(struct runner *, const struct launch *,
			     const struct run_events *, void *owner,
			     struct err *);
	/* `dir_fd' and `state' are the exec's; NULL: it is dead. */
	struct run *(*adopt)(struct runner *, int dir_fd,
			     const struct exec_state *,
			     const struct run_events *, void *owner);
	/* The asked-for things; false when they cannot be delivered now. */
	bool (*cancel)(struct run *, uint64_t grace_ms, int sig);
	bool (*signal)(struct run *, int sig);
	bool (*resize)(struct run *, unsigned cols, unsigned rows);
	bool (*input)(struct run *, uint64_t offset, const void *bytes,
		      size_t n, bool is_end);
	void (*free)(struct run *);
};

/* The grace that the exec was started with. */
#define RUN_OWN_GRACE UINT64_MAX

/* Most bytes that `input' takes at once. */
#define RUN_MAX_INPUT (32u << 10)

#endif
