/* SPDX-License-Identifier: ISC */
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

/*
 * What is measured and what measures it: a daemon of its own in a directory of
 * its own, clocks, plain processes, and the memory of trees of them.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/macros.h"

/* The programs, as given on the command line. */
struct rig {
	const char *berthd, *berth, *hello;
	char *dir;   /* removed at the end */
	char *home;  /* BERTH_HOME of the daemon, below dir */
	char *store; /* its execs, once it ran */
	char *socket;
	pid_t daemon;
};

void give_up(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));

double now_ms(void);

/* The value at `share' (0.5: the median); sorts. */
double quantile(double *values, size_t n, double share);

/* Start a daemon on an empty store; the time until it answers. */
void rig_clear(struct rig *rig);
double rig_start(struct rig *rig);
void rig_stop(struct rig *rig);

/* A file below the rig's directory; the caller frees. */
char *rig_path(const struct rig *rig, const char *name);

/* Fork and exec; standard output and error go to `out_fd' unless that is -1. */
pid_t run_plain(char *const *argv, int out_fd);
void wait_plain(pid_t pid);

/* One process's proportional share of memory in KiB; 0 if not readable. */
uint64_t pss_kb(pid_t pid);
uint64_t switches(pid_t pid);

/* A daemon and everything below it. */
struct tree {
	pid_t spawner;
	pid_t holder; /* one of them */
	size_t n_holders, n_commands;
	uint64_t daemon_kb, spawner_kb, holders_kb, commands_kb;
	uint64_t switches; /* of the daemon, spawner and holders */
};

void tree_look(pid_t daemon, struct tree *ret);

#endif
