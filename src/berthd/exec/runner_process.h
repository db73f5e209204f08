/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_RUNNER_PROCESS_H
#define BERTHD_EXEC_RUNNER_PROCESS_H

/*
 * The runner of this machine: a holder process per exec, forked by the spawner
 * or waiting for its next exec.
 */

#include "berthd/exec/holder_pool.h"
#include "berthd/exec/runner.h"

struct spawner;
struct uv_loop_s;

struct runner_process {
	struct runner runner;
	struct uv_loop_s *loop;
	const struct spawner *spawner;
	struct holder_pool pool;
};

/* `spawner' is borrowed for as long as the runner is used. */
void runner_process_init(struct runner_process *runner, struct uv_loop_s *loop,
			 const struct spawner *spawner);

/* Holders that wait are sent away; after the last run, while the loop turns. */
void runner_process_fini(struct runner_process *runner);

#endif
