/* SPDX-License-Identifier: ISC */

/*
 * Starting, ending and cancelling; see parts.h.
 *
 * The peers are what a shell would do: fork, exec, wait.  They neither write a
 * record nor keep the output, so a ratio of one is out of reach; how far it is
 * from one is the price of durability.  Where the daemon's state is on a disk
 * that price is the disk's, and the peers that the goals name then (decision
 * 10) are those that make what they start durable.
 */

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/parts.h"
#include "bench/report.h"
#include "bench/rig.h"
#include "bench/talk.h"
#include "core/fs.h"
#include "core/mem.h"

#define LATENCY_ROUNDS 300
#define CLIENTS 4
#define STARTS_EACH 150
#define RATE_ROUNDS 3
#define CANCEL_ROUNDS 50

#define DURABLE "durable"

static const char run_true[] = "{\"argv\":[\"true\"]}";
static const char run_shell[] = "{\"argv\":[\"sh\",\"-c\",\"true\"]}";

#define SLEEPER "exec sleep 3600"
static const char run_sleeper[] = "{\"argv\":[\"sh\",\"-c\",\"" SLEEPER "\"]}";

/* Returns when the child has become the program. */
static pid_t
start_plain(char *const *argv)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		give_up("pipe");
	pid = run_plain(argv, -1);
	close(ends[1]);
	(void)!read(ends[0], &(char){ 0 }, 1);
	close(ends[0]);
	return pid;
}

/* The time until the child has become the program, and until it has ended. */
static void
time_plain(double *ret_start, double *ret_end)
{
	char *argv[] = { (char[]){ "true" }, NULL };
	double start = now_ms();
	pid_t pid = start_plain(argv);

	*ret_start = now_ms() - start;
	wait_plain(pid);
	*ret_end = now_ms() - start;
}

struct latency {
	double start[LATENCY_ROUNDS], finish[LATENCY_ROUNDS];
};

static void
add_latency(const char *what, const char *peer, double share, double *ours,
	    double *theirs, const char *before)
{
	report_add(&(struct figure){
	    .what = what,
	    .unit = "ms",
	    .value = quantile(ours, LATENCY_ROUNDS, share),
	    .peer = peer,
	    .peer_value = quantile(theirs, LATENCY_ROUNDS, share),
	    .before = before });
}

static void
bench_latency(struct rig *rig)
{
	static struct latency ours, plain;
	struct talk talk;
	char id[27];

	talk_open(&talk, rig->socket);
	for (int i = 0; i < LATENCY_ROUNDS; i++) {
		double start;

		time_plain(&plain.start[i], &plain.finish[i]);
		start = now_ms();
		talk_start(&talk, run_true, id);
		ours.start[i] = now_ms() - start;
		talk_wait(&talk, id);
		start = now_ms();
		(void)talk_ask(&talk, "POST", "/v1/exec/run", run_true, NULL);
		ours.finish[i] = now_ms() - start;
	}
	talk_close(&talk);
	add_latency("start acknowledged, median", "fork + exec", 0.5,
		    ours.start, plain.start, "4.3 ms");
	add_latency("start acknowledged, 99 of 100", "fork + exec", 0.99,
		    ours.start, plain.start, NULL);
	add_latency("run `true' to its end, median", "fork + exec + wait", 0.5,
		    ours.finish, plain.finish, "11 ms");
	add_latency("run `true' to its end, 99 of 100", "fork + exec + wait",
		    0.99, ours.finish, plain.finish, NULL);
}

/* Rates: the same number of clients for all */

static void
start_many(const struct rig *rig)
{
	struct talk talk;
	char id[27];

	talk_open(&talk, rig->socket);
	for (int i = 0; i < STARTS_EACH; i++)
		talk_start(&talk, run_shell, id);
	talk_close(&talk);
}

static void
start_many_sleepers(const struct rig *rig)
{
	struct talk talk;
	char id[27];

	talk_open(&talk, rig->socket);
	for (int i = 0; i < STARTS_EACH; i++)
		talk_start(&talk, run_sleeper, id);
	talk_close(&talk);
}

static pid_t
start_sleeper_plain(void)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" },
			 (char[]){ SLEEPER }, NULL };

	return start_plain(argv);
}

static void
start_many_sleepers_plain(const struct rig *rig UNUSED)
{
	pid_t pids[STARTS_EACH];

	for (int i = 0; i < STARTS_EACH; i++)
		pids[i] = start_sleeper_plain();
	for (int i = 0; i < STARTS_EACH; i++)
		kill(pids[i], SIGKILL);
}

static void
run_shell_plain(void)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char[]){ "true" },
			 NULL };

	wait_plain(run_plain(argv, -1));
}

static void
run_many_plain(const struct rig *rig UNUSED)
{
	for (int i = 0; i < STARTS_EACH; i++)
		run_shell_plain();
}

/* Each with a process that waits for it, as a holder does. */
static void
run_many_held(const struct rig *rig UNUSED)
{
	for (int i = 0; i < STARTS_EACH; i++) {
		pid_t holder = fork();

		if (holder == 0) {
			run_shell_plain();
			_exit(0);
		}
		wait_plain(holder);
	}
}

/* A line that is on the disk when this returns. */
static void
write_durably(int fd)
{
	static const char line[400] = "what an exec says of itself";

	if (write(fd, line, sizeof(line)) != sizeof(line) || fdatasync(fd) < 0)
		give_up("write durably");
}

/* The file of the start that is number `i' of this client's, durable. */
static int
open_durable(const struct rig *rig, int i)
{
	AUTO_FREE char *dir = xasprintf("%s/" DURABLE "/%d-%d", rig->home,
					getpid(), i);
	AUTO_FREE char *path = xasprintf("%s/file", dir);
	int fd = -1;

	if (mkdir(dir, 0700) == 0)
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		give_up("make %s", path);
	write_durably(fd);
	return fd;
}

/*
 * Each with what makes it durable, and nothing else: a directory with a file,
 * on the disk before it is started, and a line more when it has ended.
 */
static void
run_many_durable(const struct rig *rig)
{
	for (int i = 0; i < STARTS_EACH; i++) {
		AUTO_CLOSE int fd = open_durable(rig, i);

		run_shell_plain();
		write_durably(fd);
	}
}

static void
start_many_sleepers_durable(const struct rig *rig)
{
	pid_t pids[STARTS_EACH];

	for (int i = 0; i < STARTS_EACH; i++) {
		AUTO_CLOSE int fd = open_durable(rig, i);

		pids[i] = start_sleeper_plain();
	}
	for (int i = 0; i < STARTS_EACH; i++)
		kill(pids[i], SIGKILL);
}

static void
in_clients(const struct rig *rig, void (*fn)(const struct rig *))
{
	pid_t clients[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = fork();
		if (clients[i] == 0) {
			fn(rig);
			_exit(0);
		}
	}
	for (int i = 0; i < CLIENTS; i++)
		wait_plain(clients[i]);
}

static double
rate_since(double start)
{
	return CLIENTS * STARTS_EACH / (now_ms() - start) * 1e3;
}

/* Into *best, if it is better. */
static void
try_rate(const struct rig *rig, void (*fn)(const struct rig *), double *best)
{
	double start = now_ms(), rate;

	in_clients(rig, fn);
	rate = rate_since(start);
	*best = MAX(*best, rate);
}

/* Likewise, of one that makes its starts durable. */
static void
try_durable_rate(const struct rig *rig, void (*fn)(const struct rig *),
		 double *best)
{
	AUTO_FREE char *dir = xasprintf("%s/" DURABLE, rig->home);
	struct err err = ERR_INIT;

	if (mkdir(dir, 0700) < 0)
		give_up("make %s", dir);
	try_rate(rig, fn, best);
	if (fs_remove_tree(AT_FDCWD, dir, &err) < 0)
		give_up("%s", err.msg);
}

static void
add_rate(const char *what, double rate, const char *peer, double peer_rate,
	 const char *goal, const char *before)
{
	report_add(&(struct figure){ .what = what,
				     .unit = "/s",
				     .value = rate,
				     .peer = peer,
				     .peer_value = peer_rate,
				     .goal = goal,
				     .before = before });
}

/* Of berth, and of its peers. */
struct rates {
	double started, ended, plain, held, durable;
	double kept, kept_plain, kept_durable; /* of what runs on */
};

/* Peers in turns with us: a disk may be another one a moment later. */
static void
measure_rates(struct rig *rig, struct rates *r)
{
	struct talk talk;

	talk_open(&talk, rig->socket);
	for (int i = 0; i < RATE_ROUNDS; i++) {
		double start, rate;

		try_rate(rig, run_many_plain, &r->plain);
		try_rate(rig, run_many_held, &r->held);
		try_durable_rate(rig, run_many_durable, &r->durable);
		start = now_ms();
		try_rate(rig, start_many, &r->started);
		talk_wait_all(&talk);
		rate = rate_since(start);
		r->ended = MAX(r->ended, rate);
		try_rate(rig, start_many_sleepers_plain, &r->kept_plain);
		try_durable_rate(rig, start_many_sleepers_durable,
				 &r->kept_durable);
		try_rate(rig, start_many_sleepers, &r->kept);
		talk_cancel_all(&talk);
		talk_wait_all(&talk);
	}
	talk_close(&talk);
}

static bool
is_on_disk(const struct rig *rig)
{
	struct statfs fs;

	if (statfs(rig->home, &fs) < 0)
		give_up("statfs");
	return fs.f_type != TMPFS_MAGIC;
}

static void
bench_rate(struct rig *rig)
{
	bool has_disk = is_on_disk(rig);
	const char *in_memory = has_disk ? NULL : ">= 0.8 x";
	const char *durable = has_disk ? ">= 0.8 x" : NULL;
	struct rates r = { 0 };

	measure_rates(rig, &r);
	add_rate("`sh -c true' started", r.started, "fork + exec + wait",
		 r.plain, in_memory, "148 /s");
	add_rate("the same", r.started, "fork, fork + exec + wait", r.held,
		 NULL, NULL);
	add_rate("the same", r.started, "fork + exec + wait, durable",
		 r.durable, durable, NULL);
	add_rate("`sh -c' that runs on, started", r.kept, "fork + exec",
		 r.kept_plain, in_memory, NULL);
	add_rate("the same", r.kept, "fork + exec, durable", r.kept_durable,
		 durable, NULL);
	add_rate("`sh -c true' started and ended", r.ended,
		 "fork + exec + wait", r.plain, in_memory, NULL);
	add_rate("the same", r.ended, "fork + exec + wait, durable", r.durable,
		 durable, NULL);
}

static double
time_plain_kill(void)
{
	char *argv[] = { (char[]){ "sleep" }, (char[]){ "60" }, NULL };
	pid_t pid = run_plain(argv, -1);
	double start;

	usleep(5000);
	start = now_ms();
	kill(pid, SIGTERM);
	wait_plain(pid);
	return now_ms() - start;
}

static void
bench_cancel(struct rig *rig)
{
	static double ours[CANCEL_ROUNDS], plain[CANCEL_ROUNDS];
	struct talk talk;
	char id[27];

	talk_open(&talk, rig->socket);
	for (int i = 0; i < CANCEL_ROUNDS; i++) {
		AUTO_FREE char *path = NULL;
		double start;

		plain[i] = time_plain_kill();
		talk_start(&talk, "{\"argv\":[\"sleep\",\"60\"]}", id);
		path = xasprintf("/v1/exec/%s/cancel", id);
		usleep(5000);
		start = now_ms();
		(void)talk_ask(&talk, "POST", path, NULL, NULL);
		ours[i] = now_ms() - start;
	}
	talk_close(&talk);
	report_add(
	    &(struct figure){ .what = "cancel, median",
			      .unit = "ms",
			      .value = quantile(ours, CANCEL_ROUNDS, 0.5),
			      .peer = "kill + wait",
			      .peer_value = quantile(plain, CANCEL_ROUNDS, 0.5),
			      .before = "101 ms" });
}

void
bench_starts(struct rig *rig)
{
	rig_clear(rig);
	(void)rig_start(rig);
	bench_latency(rig);
	bench_rate(rig);
	bench_cancel(rig);
	rig_stop(rig);
}
