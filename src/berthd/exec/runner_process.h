/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_RUNNER_PROCESS_H
#define BERTHD_EXEC_RUNNER_PROCESS_H

/*
 * The runner of this machine: a holder process per exec, forked by the spawner.
 */

#include "berthd/exec/runner.h"

struct spawner;
struct uv_loop_s;

struct runner_process {
	struct runner runner;
	struct uv_loop_s *loop;
	const struct spawner *spawner;
};

/* `spawner' is borrowed for as long as the runner is used. */
void runner_process_init(struct runner_process *runner, struct uv_loop_s *loop,
			 const struct spawner *spawner);

#endif
