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
#include <sys/stat.h>
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
};

static void
settle(void)
{
	/* What an earlier round left to be written must not be paid here. */
	sync();
}

static void
round_plain(const struct rig *rig, const struct producer *p, struct rates *r)
{
	AUTO_FREE char *out = rig_path(rig, "plain");
	AUTO_FREE char *line = xasprintf("{ %s; } | cat >%s", p->shell, out);
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, line, NULL };
	AUTO_CLOSE int fd = -1;
	double start;

	settle();
	start = now_ms();
	wait_plain(run_plain(argv, -1));
	r->plain = MAX(r->plain, p->mb / (now_ms() - start) * 1e3);
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
	char id[27];
	double start;

	settle();
	start = now_ms();
	talk_start(talk, body, id);
	out = xasprintf("%s/%s/out", rig->store, id);
	wait_stored(out, p);
	r->stored = MAX(r->stored, p->mb / (now_ms() - start) * 1e3);
	talk_wait(talk, id);
	r->ended = MAX(r->ended, p->mb / (now_ms() - start) * 1e3);
	path = xasprintf("/v1/exec/%s", id);
	(void)talk_ask(talk, "DELETE", path, NULL, NULL);
}

static struct rates
measure(struct rig *rig, struct talk *talk, const struct producer *p)
{
	struct rates rates = { 0 };

	for (int i = 0; i < ROUNDS; i++) {
		round_plain(rig, p, &rates);
		round_ours(rig, talk, p, &rates);
	}
	return rates;
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
	r = measure(rig, &talk, &lines);
	report_add(&(struct figure){ .what = "capture of 500 MB in lines",
				     .unit = "MB/s",
				     .value = r.stored,
				     .peer = "cat > file",
				     .peer_value = r.plain,
				     .goal = ">= 0.9 x" });
	talk_close(&talk);
	rig_stop(rig);
}
