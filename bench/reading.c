/* SPDX-License-Identifier: ISC */

/*
 * Output back out; see parts.h.
 *
 * Stored logs are read by the same reader from the daemon and from a process
 * that sends the same file; live output from the daemon and from a producer
 * whose pipe `cat' copies into a socket.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/parts.h"
#include "bench/report.h"
#include "bench/rig.h"
#include "bench/talk.h"
#include "core/mem.h"

#define ROUNDS 9
#define LIVE_ROUNDS 3
#define ROOM (256u << 10)
#define LINES                                                                  \
	"yes 'a line of text that is as long as a line of text tends to be' |" \
	" head -c "
#define STORED "200000000"
#define STORED_MB 200.0
#define LIVE "200000000"
#define LIVE_MB 200.0

static void
make_log(struct talk *talk, char ret_id[27])
{
	talk_start(talk, "{\"argv\":[\"sh\",\"-c\",\"" LINES STORED "\"]}",
		   ret_id);
	talk_wait(talk, ret_id);
}

static void
send_file(int fd, int to)
{
	struct stat st;
	off_t at = 0;

	if (fstat(fd, &st) < 0)
		_exit(1);
	while (at < st.st_size) {
		if (sendfile(to, fd, &at, (size_t)(st.st_size - at)) <= 0)
			_exit(1);
	}
	_exit(0);
}

/* Read until the end; the time. */
static double
time_reading(int fd)
{
	static char room[ROOM];
	double start = now_ms();
	ssize_t got;

	do
		got = read(fd, room, sizeof(room));
	while (got > 0 || (got < 0 && errno == EINTR));
	return now_ms() - start;
}

static double
plain_sendfile(const char *path)
{
	AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	int ends[2];
	double ms;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		give_up("socketpair");
	pid = fork();
	if (pid == 0)
		send_file(file, ends[1]);
	close(ends[1]);
	ms = time_reading(ends[0]);
	close(ends[0]);
	wait_plain(pid);
	return ms;
}

static double
time_asking(struct talk *talk, const char *path)
{
	double start = now_ms();

	(void)talk_ask(talk, "GET", path, NULL, NULL);
	return now_ms() - start;
}

static double
plain_tail(const char *path, int null)
{
	char *argv[] = { (char[]){ "tail" }, (char[]){ "-n" },
			 (char[]){ "200" }, (char *)(uintptr_t)path, NULL };
	double start = now_ms();

	wait_plain(run_plain(argv, null));
	return now_ms() - start;
}

static void
bench_stored(struct rig *rig, struct talk *talk)
{
	AUTO_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	AUTO_FREE char *out = NULL, *full = NULL, *jsonl = NULL, *tail = NULL;
	double ours = 1e9, sent = 1e9, lines = 1e9, last = 1e9,
	       last_plain = 1e9;
	char id[27];

	make_log(talk, id);
	out = xasprintf("%s/%s/out", rig->store, id);
	full = xasprintf("/v1/exec/%s/logs?full=true&format=raw", id);
	jsonl = xasprintf("/v1/exec/%s/logs?full=true&format=jsonl", id);
	tail = xasprintf("/v1/exec/%s/logs?tail_lines=200", id);
	for (int i = 0; i < ROUNDS; i++) {
		sent = MIN(sent, plain_sendfile(out));
		ours = MIN(ours, time_asking(talk, full));
		last_plain = MIN(last_plain, plain_tail(out, null));
		last = MIN(last, time_asking(talk, tail));
		lines = MIN(lines, time_asking(talk, jsonl));
	}
	report_add(&(struct figure){ .what = "read a log of 200 MB",
				     .unit = "MB/s",
				     .value = STORED_MB / ours * 1e3,
				     .peer = "sendfile",
				     .peer_value = STORED_MB / sent * 1e3,
				     .goal = ">= 0.9 x",
				     .before = "214 MB/s" });
	report_add(&(struct figure){ .what = "the same as JSON lines",
				     .unit = "MB/s",
				     .value = STORED_MB / lines * 1e3,
				     .peer = "sendfile",
				     .peer_value = STORED_MB / sent * 1e3 });
	report_add(&(struct figure){ .what = "its last 200 lines",
				     .unit = "ms",
				     .value = last,
				     .peer = "tail -n 200",
				     .peer_value = last_plain,
				     .before = "614 ms" });
}

static double
plain_live(void)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" },
			 (char[]){ LINES LIVE " | cat" }, NULL };
	int ends[2];
	double ms;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		give_up("socketpair");
	pid = run_plain(argv, ends[1]);
	close(ends[1]);
	ms = time_reading(ends[0]);
	close(ends[0]);
	wait_plain(pid);
	return ms;
}

static double
time_live(struct talk *talk, const char *path)
{
	double start = now_ms(), ms;

	(void)talk_ask(talk, "POST", path,
		       "{\"argv\":[\"sh\",\"-c\",\"" LINES LIVE "\"]}", NULL);
	ms = now_ms() - start;
	(void)talk_ask(talk, "DELETE", "/v1/exec/last", NULL, NULL);
	return ms;
}

/* What the daemon itself could do, if nobody else needed the processor. */
static void
add_cpu(const char *what, double ms)
{
	report_add(
	    &(struct figure){ .what = what,
			      .unit = "MB/s",
			      .value = LIVE_ROUNDS * LIVE_MB / ms * 1e3 });
}

static void
bench_live(const struct rig *rig, struct talk *talk)
{
	double plain = 1e9, frames = 1e9, jsonl = 1e9;
	double frames_cpu = 0, jsonl_cpu = 0;

	for (int i = 0; i < LIVE_ROUNDS; i++) {
		plain = MIN(plain, plain_live());
		frames_cpu -= cpu_ms(rig->daemon);
		frames = MIN(frames,
			     time_live(talk, "/v1/exec/run?format=frames"));
		frames_cpu += cpu_ms(rig->daemon);
		jsonl_cpu -= cpu_ms(rig->daemon);
		jsonl = MIN(jsonl, time_live(talk, "/v1/exec/run"));
		jsonl_cpu += cpu_ms(rig->daemon);
	}
	report_add(&(struct figure){ .what = "run 200 MB live, frames",
				     .unit = "MB/s",
				     .value = LIVE_MB / frames * 1e3,
				     .peer = "cat into a socket",
				     .peer_value = LIVE_MB / plain * 1e3,
				     .goal = ">= 0.9 x",
				     .before = "6 MB/s" });
	report_add(&(struct figure){ .what = "run 200 MB live, JSON lines",
				     .unit = "MB/s",
				     .value = LIVE_MB / jsonl * 1e3,
				     .peer = "cat into a socket",
				     .peer_value = LIVE_MB / plain * 1e3,
				     .before = "6 MB/s" });
	add_cpu("frames per processor second", frames_cpu);
	add_cpu("JSON lines per processor second", jsonl_cpu);
}

void
bench_reading(struct rig *rig)
{
	struct talk talk;

	rig_clear(rig);
	(void)rig_start(rig);
	talk_open(&talk, rig->socket);
	bench_stored(rig, &talk);
	bench_live(rig, &talk);
	talk_close(&talk);
	rig_stop(rig);
}
