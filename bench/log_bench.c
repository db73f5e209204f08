/* SPDX-License-Identifier: ISC */

/*
 * How fast logs are served.  Each row asks for one thing of a generated log
 * over a socket pair, with a process at the other end that throws away what it
 * reads, and prints the rate; "sendfile" is the bare loop to compare with.
 *
 *	log_bench [MEGABYTES [NAME]]	(200, all)
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "berthd/exec/log_query.h"
#include "berthd/exec/log_stream.h"
#include "berthd/exec/timeline.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/text.h"
#include "http/server.h"

#define LINE 80
#define RECORD (64u << 10)
#define ROUNDS 5

struct bench {
	uv_loop_t loop;
	char dir[64];
	int dir_fd;
	uint64_t size;
	const char *only; /* NULL: all rows */
	struct log_source src;
	struct http_server *server;
	bool is_over;
};

static const struct http_guard anybody;

static void
must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		_exit(1);
	}
}

static int
create(const struct bench *b, const char *name)
{
	int fd = openat(b->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			0600);

	must(fd >= 0, name);
	return fd;
}

/* Lines of LINE bytes, a record for each `record' bytes. */
static void
generate(const struct bench *b, uint32_t record)
{
	AUTO_CLOSE int out = create(b, "out"), err = create(b, "err");
	AUTO_CLOSE int timeline = create(b, "timeline");
	AUTO_FREE char *block = xmalloc(RECORD * 5);

	(void)err;
	for (size_t i = 0; i < RECORD * 5; i++)
		block[i] = i % LINE == LINE - 1 ? '\n'
						: (char)(' ' + i * 7 % 90);
	for (uint64_t at = 0; at < b->size; at += RECORD * 5)
		must(write_full(out, block,
				(size_t)MIN(b->size - at, RECORD * 5ull)) == 0,
		     "write");
	for (uint64_t at = 0; at < b->size;) {
		struct timeline_rec recs[512];
		size_t n = 0;

		while (n < ARRAY_SIZE(recs) && at < b->size) {
			recs[n++] = (struct timeline_rec){
				.time_ns = 1700000000000000000ull + at,
				.offset = at,
				.length = (uint32_t)MIN(b->size - at, record),
			};
			at += recs[n - 1].length;
		}
		must(write_full(timeline, recs, n * sizeof(recs[0])) == 0,
		     "timeline");
	}
}

static void
describe(void *exec, struct jsonw *w)
{
	(void)exec;
	jsonw_str(w, "exec_id", "01bench");
}

static void
on_idle(void *exec)
{
	struct bench *b = exec;

	b->is_over = true;
}

static void
on_request(struct http_exchange *x, void *owner)
{
	struct bench *b = owner;
	struct err err = ERR_INIT;
	struct log_query q;

	must(log_query_parse(http_exchange_head(x), &q, &err) == 0, err.msg);
	log_stream_start(x, &b->src, &q, &b->loop);
}

/* Say `request' and read until the end, in a process of its own. */
static pid_t
reader(int fds[2], const char *request)
{
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (pid == 0) {
		char *room = xmalloc(RECORD);

		close(fds[0]);
		must(write_full(fds[1], request, strlen(request)) == 0, "ask");
		while (read(fds[1], room, RECORD) > 0)
			;
		_exit(0);
	}
	close(fds[1]);
	return pid;
}

struct result {
	double seconds, cpu_seconds;
};

static struct result
now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (struct result){
		.seconds = (double)clock_boot_ns() / 1e9,
		.cpu_seconds =
		    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) /
			1e6,
	};
}

static struct result
since(struct result start)
{
	struct result end = now();

	end.seconds -= start.seconds;
	end.cpu_seconds -= start.cpu_seconds;
	return end;
}

/* The best of several runs: others use this machine, too. */
static void
keep_best(struct result *best, struct result one)
{
	if (best->seconds == 0 || one.seconds < best->seconds)
		best->seconds = one.seconds;
	if (best->cpu_seconds == 0 || one.cpu_seconds < best->cpu_seconds)
		best->cpu_seconds = one.cpu_seconds;
}

static void
report(const char *name, struct result best, uint64_t bytes)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("{\"bench\":\"log\",\"name\":\"%s\",\"ms\":%.3f,"
	       "\"cpu_ms\":%.3f,\"mb_per_s\":%.0f,\"max_rss_kb\":%ld}\n",
	       name, best.seconds * 1e3, best.cpu_seconds * 1e3,
	       (double)bytes / best.seconds / 1e6, usage.ru_maxrss);
	fflush(stdout);
}

static struct result
run_sendfile(struct bench *b)
{
	AUTO_CLOSE int file = openat(b->dir_fd, "out", O_RDONLY | O_CLOEXEC);
	int fds[2];
	pid_t pid;
	struct result start;
	off_t at = 0;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
	pid = reader(fds, "");
	start = now();
	while ((uint64_t)at < b->size)
		must(sendfile(fds[0], file, &at, 1 << 20) > 0, "sendfile");
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return since(start);
}

static void
bench_sendfile(struct bench *b)
{
	struct result best = { 0 };

	for (int i = 0; i < ROUNDS; i++)
		keep_best(&best, run_sendfile(b));
	report("sendfile", best, b->size);
}

static struct result
run_query(struct bench *b, const char *query)
{
	AUTO_FREE char *request = xasprintf(
	    "GET /logs?%s HTTP/1.1\r\nHost: x\r\n"
	    "Connection: close\r\n\r\n",
	    query);
	struct err err = ERR_INIT;
	int fds[2];
	pid_t pid;
	struct result start, one;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
	pid = reader(fds, request);
	start = now();
	must(http_server_serve(b->server, fds[0], fds[0], &anybody, &err) == 0,
	     err.msg);
	b->is_over = false;
	while (!b->is_over)
		uv_run(&b->loop, UV_RUN_ONCE);
	one = since(start);
	while (uv_run(&b->loop, UV_RUN_NOWAIT))
		;
	waitpid(pid, NULL, 0);
	return one;
}

static void
bench_query(struct bench *b, const char *name, const char *query)
{
	struct result best = { 0 };

	for (int i = 0; i < ROUNDS; i++)
		keep_best(&best, run_query(b, query));
	report(name, best, b->size);
}

static void
bench_all(struct bench *b, const char *records)
{
	static const struct {
		const char *name, *query;
	} rows[] = {
		{ "raw", "format=raw" },
		{ "raw-both", "format=raw&stream=both" },
		{ "frames", "format=frames&stream=both" },
		{ "text-tail-200", "tail_lines=200" },
		{ "jsonl-tail-200", "tail_lines=200&format=jsonl" },
		{ "tail-bytes", "" },
		{ "jsonl", "full=true&format=jsonl" },
		{ "grep-none", "grep=no%20such%20line" },
		{ "grep-all", "grep=a" },
		{ "grep-re-none", "grep_re=no%20such%20l.ne" },
		{ "strip-ansi", "full=true&strip_ansi=true" },
		{ "tail-lines-all", "tail_lines=100000000&format=raw" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *name = xasprintf("%s/%s", rows[i].name,
						 records);

		if (b->only == NULL || str_eq(b->only, name))
			bench_query(b, name, rows[i].query);
	}
}

int
main(int argc, char **argv)
{
	struct bench b = { .dir = "/tmp/berth-bench-XXXXXX" };
	struct http_server_config config = { .loop = &b.loop,
					     .on_request = on_request,
					     .owner = &b };
	struct err err = ERR_INIT;
	uint64_t megabytes = 200;

	if (argc > 1)
		must(parse_u64(argv[1], 1, 1 << 20, &megabytes, &err) == 0,
		     err.msg);
	b.only = argc > 2 ? argv[2] : NULL;
	must(mkdtemp(b.dir) != NULL, "mkdtemp");
	b.dir_fd = open(b.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b.size = megabytes * 1000000;
	b.src = (struct log_source){
		.dir_fd = b.dir_fd,
		.exec_id = "01bench",
		.is_ended = true,
		.exec = &b,
		.describe_started = describe,
		.describe_finished = describe,
		.on_idle = on_idle,
	};
	uv_loop_init(&b.loop);
	b.server = http_server_new(&config);
	generate(&b, RECORD);
	bench_sendfile(&b);
	bench_sendfile(&b);
	bench_all(&b, "64k");
	generate(&b, LINE);
	bench_all(&b, "80");
	bench_sendfile(&b);
	http_server_free(b.server);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	uv_loop_close(&b.loop);
	close(b.dir_fd);
	return fs_remove_tree(AT_FDCWD, b.dir, &err) < 0;
}
