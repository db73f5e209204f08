/* SPDX-License-Identifier: ISC */
#ifndef TESTS_EXEC_RIG_H
#define TESTS_EXEC_RIG_H

/*
 * A spawner, a loop and a directory for execs: all that holders need, without
 * a daemon.  A job is one run, with everything that it was told.
 *
 * Nothing is waited for by time: rig_until turns the loop until a condition
 * holds, ten seconds at most.
 */

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "berthd/exec/launch.h"
#include "berthd/exec/runner_process.h"
#include "berthd/exec/spawner.h"
#include "berthd/exec/state.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"

struct rig {
	uv_loop_t loop;
	uv_timer_t tick;
	char *root;
	struct spawner spawner; /* borrowed from the group */
	struct runner_process runner;
};

/* Setup and teardown of the whole group. */
int rig_start_spawner(void **state);
int rig_stop_spawner(void **state);

void rig_init(struct rig *rig);

/* Setup and teardown of one test, whose state is a rig. */
int rig_setup(void **state);
int rig_teardown(void **state);
#define rig_test(name)                                                         \
	cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

/* The same with a root of the caller's. */
void rig_init_in(struct rig *rig, const char *root);
void rig_fini(struct rig *rig);

/* One turn of the loop, not longer than a few milliseconds. */
void rig_turn(struct rig *rig);

#define rig_until(rig, condition)                                              \
	do {                                                                   \
		uint64_t until_ = clock_mono_ms() + 10000;                     \
		while (!(condition)) {                                         \
			assert_true(clock_mono_ms() < until_);                 \
			rig_turn(rig);                                         \
		}                                                              \
	} while (0)

struct job {
	struct rig *rig;
	struct launch launch;
	struct run *run; /* NULL: over */
	struct exec_state state;
	unsigned n_states;
	bool is_gone, is_refused;
	struct err why;
	uint64_t taken;
	bool in_closed;
};

/* An order to run `script' by sh; change `launch' before job_start. */
void job_init(struct job *job, struct rig *rig, const char *script);
void job_fini(struct job *job);

void job_start(struct job *job);

/* Until the holder has let go. */
void job_finish(struct job *job);

/* All three. */
void job_run(struct job *job, struct rig *rig, const char *script);

/* Another daemon's view of the same exec; false if it is dead. */
bool job_adopt(struct job *job, const struct job *other);

/* Send input at `offset'. */
void job_input(struct job *job, uint64_t offset, const char *text, bool eof);

/* Until `text' is in the file `name' of the exec's directory. */
void job_until(struct job *job, const char *name, const char *text);

/* A file of the exec's directory: its text is `text'. */
void job_assert_file(const struct job *job, const char *name, const char *text);

/* The state on disk, as a later daemon reads it. */
void job_read_state(const struct job *job, struct exec_state *ret);

/* It ended so, as was told and as is on disk. */
void job_assert_ended(const struct job *job, enum exec_state_kind kind,
		      int exit_code);

/* The number on the first line of a file of the exec's directory. */
int64_t job_read_pid(const struct job *job, const char *name);

/* "<root>/<id>/<name>"; the caller frees. */
char *job_path(const struct job *job, const char *name);

/* Is the process alive, a zombie not counting? */
bool is_alive(int64_t pid);

#endif
