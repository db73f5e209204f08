/* SPDX-License-Identifier: ISC */

/*
 * Memory and wake-ups; see parts.h.
 *
 * Memory is the proportional set size, which counts every page once in the
 * sum.  Only root may read it of processes that forbid being looked into.
 */

#include <stdio.h>
#include <unistd.h>

#include "bench/parts.h"
#include "bench/report.h"
#include "bench/rig.h"
#include "bench/talk.h"
#include "core/mem.h"

/* Buffers go back to the system after a second without output. */
#define SETTLE_US 2500000
#define QUIET_US 3000000
#define IDLE_CONNECTIONS 1000

static void
add_memory(const char *what, uint64_t kb, const char *unit, const char *goal,
	   const char *before)
{
	report_add(&(struct figure){ .what = what,
				     .unit = unit,
				     .value = unit[0] == 'k' ? (double)kb
							     : (double)kb / 1e3,
				     .goal = goal,
				     .before = before });
}

static double
wakeups(const struct rig *rig)
{
	struct tree before, after;

	tree_look(rig->daemon, &before);
	usleep(QUIET_US);
	tree_look(rig->daemon, &after);
	return (double)(after.switches - before.switches) / (QUIET_US / 1e6);
}

static void
start_sleepers(struct talk *talk, unsigned n)
{
	char id[27];

	for (unsigned i = 0; i < n; i++)
		talk_start(talk, "{\"argv\":[\"sleep\",\"3600\"]}", id);
}

static void
bench_idle(struct rig *rig)
{
	struct tree tree;

	usleep(SETTLE_US);
	tree_look(rig->daemon, &tree);
	add_memory("daemon, idle", tree.daemon_kb, "MB", "<= 2 MB", "12 MB");
	add_memory("its spawner, idle", tree.spawner_kb, "MB", NULL, NULL);
	report_add(&(struct figure){ .what = "wake-ups when idle",
				     .unit = "/s",
				     .value = wakeups(rig),
				     .goal = "0" });
}

static void
bench_running(struct rig *rig, struct talk *talk)
{
	struct tree tree;

	start_sleepers(talk, 1);
	usleep(SETTLE_US);
	report_add(&(struct figure){ .what = "wake-ups with a quiet exec",
				     .unit = "/s",
				     .value = wakeups(rig),
				     .goal = "0" });
	start_sleepers(talk, 199);
	usleep(SETTLE_US);
	tree_look(rig->daemon, &tree);
	add_memory("200 running: daemon and holders",
		   tree.daemon_kb + tree.spawner_kb + tree.holders_kb, "MB",
		   NULL, "53 MB");
	start_sleepers(talk, 800);
	usleep(SETTLE_US);
	tree_look(rig->daemon, &tree);
	add_memory("1,000 running: daemon and holders",
		   tree.daemon_kb + tree.spawner_kb + tree.holders_kb, "MB",
		   "<= 250 MB", NULL);
	add_memory("1,000 running: and their commands",
		   tree.daemon_kb + tree.spawner_kb + tree.holders_kb +
		       tree.commands_kb,
		   "MB", NULL, NULL);
	add_memory("a holder, mean of 1,000",
		   tree.holders_kb / MAX(tree.n_holders, (size_t)1), "kB",
		   "<= 200 kB", NULL);
	talk_cancel_all(talk);
}

static void
bench_connections(struct rig *rig)
{
	static struct talk talks[IDLE_CONNECTIONS];
	uint64_t before = pss_kb(rig->daemon);

	for (int i = 0; i < IDLE_CONNECTIONS; i++) {
		talk_open(&talks[i], rig->socket);
		(void)talk_ask(&talks[i], "GET", "/v1/hello", NULL, NULL);
	}
	report_add(
	    &(struct figure){ .what = "an idle connection, mean of 1,000",
			      .unit = "kB",
			      .value = (double)(pss_kb(rig->daemon) - before) /
				       IDLE_CONNECTIONS });
	report_add(&(struct figure){ .what = "wake-ups with 1,000 connections",
				     .unit = "/s",
				     .value = wakeups(rig),
				     .goal = "0" });
	for (int i = 0; i < IDLE_CONNECTIONS; i++)
		talk_close(&talks[i]);
}

void
bench_memory(struct rig *rig)
{
	struct talk talk;

	if (geteuid() != 0)
		puts("\nmemory: n/a, as only root may look into the daemon");
	rig_clear(rig);
	(void)rig_start(rig);
	bench_idle(rig);
	bench_connections(rig);
	rig_stop(rig);
	(void)rig_start(rig);
	talk_open(&talk, rig->socket);
	bench_running(rig, &talk);
	talk_close(&talk);
	rig_stop(rig);
}
