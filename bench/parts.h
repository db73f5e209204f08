/* SPDX-License-Identifier: ISC */
#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

/*
 * The parts of a run.  Each measures on a fresh daemon that it starts itself,
 * adds its figures to the report, and leaves nothing running.
 */

struct rig;

typedef void part_fn(struct rig *rig);

part_fn bench_programs; /* start and size of the programs */
part_fn bench_starts;	/* starting, ending, cancelling execs */
part_fn bench_capture;	/* output into files */
part_fn bench_reading;	/* output back out */
part_fn bench_memory;	/* idle, and with many running execs */
part_fn bench_retained; /* with many finished ones */

#endif
