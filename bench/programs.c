/* SPDX-License-Identifier: ISC */

/* Start and size of the programs; see parts.h. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/parts.h"
#include "bench/report.h"
#include "bench/rig.h"

#define ROUNDS 300

static double
time_run(const char *program, const char *arg, int null)
{
	char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)arg,
			 NULL };
	double start = now_ms();

	wait_plain(run_plain(argv, null));
	return now_ms() - start;
}

static double
size_mb(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (double)st.st_size / 1e6;
}

void
bench_programs(struct rig *rig)
{
	static double ours[ROUNDS], theirs[ROUNDS];
	AUTO_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (int i = 0; i < ROUNDS; i++) {
		theirs[i] = time_run(rig->hello, NULL, null);
		ours[i] = time_run(rig->berth, "--version", null);
	}
	report_add(
	    &(struct figure){ .what = "berth --version, median",
			      .unit = "ms",
			      .value = quantile(ours, ROUNDS, 0.5),
			      .peer = "hello world in C",
			      .peer_value = quantile(theirs, ROUNDS, 0.5),
			      .goal = "<= 1.5 x" });
	report_add(&(struct figure){ .what = "berthd, stripped",
				     .unit = "MB",
				     .value = size_mb(rig->berthd),
				     .goal = "<= 2 MB" });
	report_add(&(struct figure){ .what = "berth, stripped",
				     .unit = "MB",
				     .value = size_mb(rig->berth) });
}
