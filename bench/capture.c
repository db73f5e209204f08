/* SPDX-License-Identifier: ISC */

/*
 * Output into files; see parts.h.
 *
 * The same producer writes to a pipe that a holder reads, and to one that
 * `cat > file' reads; files are on the same file system, and removed before
 * the next round.  An exec's end waits until its output is on the disk, `cat'
 * does not: so there are figures with and without.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/parts.h"
#include "bench/report.h"
#include "bench/rig.h"
#include "bench/talk.h"
#include "core/fs.h"
#include "core/mem.h"

#define ROUNDS 3
#define BIG "2000000000"
#define LINES "500000000"

struct producer {
	const char *shell; /* what `sh -c' runs */
	double mb;
};

static const struct producer zeroes = { "exec head -c " BIG " /dev/zero",
					2000 };
static const struct producer lines = {
	"yes 'a line of text that is as long as a line of text tends to be' |"
	" head -c " LINES,
	500
};

struct rates {
	double stored, ended, plain, plain_synced;
	double cpu, plain_cpu; /* seconds of holder and `cat' per GB; least */
};

static void
settle(void)
{
	/* What an earlier round left to be written must not be paid here. */
	sync();
}

/* `cat' by itself, so that its processor time is known. */
static pid_t
start_cat(int in_fd, const char *out)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(in_fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		execlp("cat", "cat", NULL);
		_exit(127);
	}
	return pid;
}

static double
seconds_of(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void
round_plain(const struct rig *rig, const struct producer *p, struct rates *r)
{
	AUTO_FREE char *out = rig_path(rig, "plain");
	AUTO_FREE char *line = xstrdup(p->shell);
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, line, NULL };
	AUTO_CLOSE int fd = -1;
	struct rusage usage;
	double start;
	int ends[2];
	pid_t cat, producer;

	settle();
	if (pipe2(ends, O_CLOEXEC) < 0)
		give_up("pipe");
	start = now_ms();
	cat = start_cat(ends[0], out);
	producer = run_plain(argv, ends[1]);
	close(ends[0]);
	close(ends[1]);
	wait_plain(producer);
	if (wait4(cat, NULL, 0, &usage) != cat)
		give_up("cat");
	r->plain = MAX(r->plain, p->mb / (now_ms() - start) * 1e3);
	r->plain_cpu = MIN(r->plain_cpu, (seconds_of(&usage.ru_utime) +
					  seconds_of(&usage.ru_stime)) /
					     p->mb * 1e3);
	fd = open(out, O_RDONLY | O_CLOEXEC);
	(void)fdatasync(fd);
	r->plain_synced = MAX(r->plain_synced,
			      p->mb / (now_ms() - start) * 1e3);
	unlink(out);
}

static void
wait_stored(const char *path, const struct producer *p)
{
	struct stat st = { 0 };

	while (stat(path, &st) < 0 || (double)st.st_size < p->mb * 1e6)
		usleep(500);
}

static void
round_ours(const struct rig *rig, struct talk *talk, const struct producer *p,
	   struct rates *r)
{
	AUTO_FREE char *body = xasprintf("{\"argv\":[\"sh\",\"-c\",\"%s\"]}",
					 p->shell);
	AUTO_FREE char *out = NULL, *path = NULL;
	struct tree tree;
	char id[27];
	double start;

	settle();
	start = now_ms();
	talk_start(talk, body, id);
	out = xasprintf("%s/%s/out", rig->store, id);
	wait_stored(out, p);
	r->stored = MAX(r->stored, p->mb / (now_ms() - start) * 1e3);
	/* It is busy with the disk now, which `cat' leaves to others. */
	tree_look(rig->daemon, &tree);
	if (tree.n_holders == 1)
		r->cpu = MIN(r->cpu, cpu_ms(tree.holder) / p->mb);
	talk_wait(talk, id);
	r->ended = MAX(r->ended, p->mb / (now_ms() - start) * 1e3);
	path = xasprintf("/v1/exec/%s", id);
	(void)talk_ask(talk, "DELETE", path, NULL, NULL);
}

static struct rates
measure(struct rig *rig, struct talk *talk, const struct producer *p)
{
	struct rates rates = { .cpu = 1e9, .plain_cpu = 1e9 };

	for (int i = 0; i < ROUNDS; i++) {
		round_plain(rig, p, &rates);
		round_ours(rig, talk, p, &rates);
	}
	return rates;
}

static void
report_cpu(const struct rates *r, const char *what)
{
	report_add(&(struct figure){ .what = what,
				     .unit = "s",
				     .value = r->cpu,
				     .peer = "cat",
				     .peer_value = r->plain_cpu });
}

void
bench_capture(struct rig *rig)
{
	struct talk talk;
	struct rates r;

	rig_clear(rig);
	(void)rig_start(rig);
	talk_open(&talk, rig->socket);
	r = measure(rig, &talk, &zeroes);
	report_add(&(struct figure){ .what = "capture of 2 GB",
				     .unit = "MB/s",
				     .value = r.stored,
				     .peer = "cat > file",
				     .peer_value = r.plain,
				     .goal = ">= 0.9 x",
				     .before = "480 MB/s" });
	report_add(&(struct figure){ .what = "the same, to the durable end",
				     .unit = "MB/s",
				     .value = r.ended,
				     .peer = "cat > file, fdatasync",
				     .peer_value = r.plain_synced });
	report_cpu(&r, "holder's processor time per GB");
	r = measure(rig, &talk, &lines);
	report_add(&(struct figure){ .what = "capture of 500 MB in lines",
				     .unit = "MB/s",
				     .value = r.stored,
				     .peer = "cat > file",
				     .peer_value = r.plain,
				     .goal = ">= 0.9 x" });
	report_cpu(&r, "holder's processor time per GB of lines");
	talk_close(&talk);
	rig_stop(rig);
}
