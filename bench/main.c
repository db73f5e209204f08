/* SPDX-License-Identifier: ISC */

/*
 * bench BERTHD BERTH HELLO RESULTS [PART...]
 *
 * Measures a release build; bench/run builds it and calls this.  Every figure
 * stands beside what it is compared with, taken in the same run: the absolute
 * numbers belong to the machine, the ratios to berth.  Never fails because a
 * figure is bad.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/parts.h"
#include "bench/report.h"
#include "bench/rig.h"
#include "core/fs.h"
#include "core/mem.h"

static const struct {
	const char *name, *title;
	part_fn *fn;
} parts[] = {
	{ "programs", "Programs", bench_programs },
	{ "starts", "Starts and ends", bench_starts },
	{ "capture", "Output into files", bench_capture },
	{ "memory", "Memory and rest", bench_memory },
	{ "retained", "Many finished execs", bench_retained },
};

static bool
is_wanted(const char *name, char **wanted)
{
	if (*wanted == NULL)
		return true;
	for (; *wanted; wanted++) {
		if (strcmp(*wanted, name) == 0)
			return true;
	}
	return false;
}

static void
raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static struct rig rig;

static void
clean_up(void)
{
	if (rig.daemon > 0)
		kill(rig.daemon, SIGTERM);
	(void)fs_remove_tree(AT_FDCWD, rig.dir, &(struct err)ERR_INIT);
}

static void
on_signal(int sig)
{
	clean_up();
	_exit(128 + sig);
}

int
main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	struct err err = ERR_INIT;

	if (argc < 5) {
		fputs("usage: bench BERTHD BERTH HELLO RESULTS [PART...]\n",
		      stderr);
		return 64;
	}
	raise_limits();
	rig = (struct rig){ .berthd = argv[1],
			    .berth = argv[2],
			    .hello = argv[3],
			    .dir = xasprintf("%s/berth-bench.XXXXXX",
					     tmp ? tmp : "/tmp") };
	if (mkdtemp(rig.dir) == NULL)
		give_up("cannot make %s", rig.dir);
	rig.home = rig_path(&rig, "home");
	rig.socket = xasprintf("%s/run/berthd.sock", rig.home);
	atexit(clean_up);
	(void)signal(SIGINT, on_signal);
	(void)signal(SIGTERM, on_signal);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!is_wanted(parts[i].name, argv + 5))
			continue;
		parts[i].fn(&rig);
		report_print(parts[i].title);
	}
	if (report_write(argv[4], &err) < 0)
		give_up("%s", err.msg);
	return 0;
}
