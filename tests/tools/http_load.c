/* SPDX-License-Identifier: ISC */

/*
 * Load for an HTTP server, by this tree's own client.
 *
 *	http_load requests SOCKET TARGET CONNECTIONS SECONDS
 *	http_load download SOCKET TARGET
 *	http_load sendfile FILE
 *	http_load hold SOCKET TARGET CONNECTIONS
 *
 * "requests" keeps that many keep-alive connections busy and prints requests
 * per second.  "download" prints the MB/s of one answer, "sendfile" what a
 * bare loop of sendfile over a socket pair reaches with the same reader.
 * "hold" asks for TARGET (nothing, if it is "-") on that many connections,
 * prints "holding" and never reads an answer, until it is killed.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/sock.h"
#include "core/text.h"
#include "http/client.h"

#define READ_SIZE (256u << 10)

static struct {
	uv_loop_t loop;
	uv_timer_t end;
	const char *target;
	uint64_t n_done, n_failed;
	bool is_over;
} load;

static void
fail(const struct err *err)
{
	fprintf(stderr, "http_load: %s\n", err->msg);
	exit(1);
}

static void start_call(struct http_client *);

static void
on_head(struct http_call *call, const struct http_head *head, void *owner)
{
	if (head->status != 200)
		load.n_failed++;
}

static void
on_data(struct http_call *call, const void *bytes, size_t n, void *owner)
{
}

static void
on_end(struct http_call *call, const struct err *err, void *owner)
{
	struct http_client *client = owner;

	if (err)
		fail(err);
	load.n_done++;
	if (load.is_over)
		http_client_free(client);
	else
		start_call(client);
}

static const struct http_call_events events = {
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
};

static void
start_call(struct http_client *client)
{
	struct http_request request = { .method = "GET",
					.target = load.target };
	struct err err = ERR_INIT;

	if (http_call_start(client, &request, &events, client, &err) == NULL)
		fail(&err);
}

static void
on_over(uv_timer_t *timer)
{
	load.is_over = true;
}

static uint64_t
number(const char *text)
{
	struct err err = ERR_INIT;
	uint64_t n = 0;

	if (parse_u64(text, 1, 100000, &n, &err) < 0)
		fail(&err);
	return n;
}

static int
run_requests(char **argv)
{
	struct http_client_config config = { .loop = &load.loop };
	uint64_t n = number(argv[2]), ms = number(argv[3]) * 1000;
	uint64_t start = clock_boot_ns();
	struct err err = ERR_INIT;

	load.target = argv[1];
	uv_loop_init(&load.loop);
	uv_timer_init(&load.loop, &load.end);
	uv_timer_start(&load.end, on_over, ms, 0);
	for (uint64_t i = 0; i < n; i++) {
		struct http_client *client;

		config.in_fd = sock_connect_unix(argv[0], &err);
		config.out_fd = config.in_fd;
		client = config.in_fd < 0 ? NULL
					  : http_client_new(&config, &err);
		if (client == NULL)
			fail(&err);
		start_call(client);
	}
	uv_run(&load.loop, UV_RUN_DEFAULT);
	printf("%.0f requests/s, %" PRIu64 " not 200\n",
	       (double)load.n_done * 1e9 / (double)(clock_boot_ns() - start),
	       load.n_failed);
	return load.n_failed > 0;
}

/* Read `fd' to its end, and say how fast that went. */
static void
measure(int fd, uint64_t start)
{
	AUTO_FREE char *room = xmalloc(READ_SIZE);
	uint64_t total = 0;
	ssize_t n;

	while ((n = read(fd, room, READ_SIZE)) > 0)
		total += (uint64_t)n;
	printf("%.0f MB/s of %" PRIu64 " bytes\n",
	       (double)total * 1e3 / (double)(clock_boot_ns() - start), total);
}

static int
run_download(char **argv)
{
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = sock_connect_unix(argv[0], &err);
	AUTO_FREE char *request = xasprintf(
	    "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", argv[1]);
	uint64_t start = clock_boot_ns();

	if (fd < 0)
		fail(&err);
	(void)fcntl(fd, F_SETFL, 0);
	if (write_full(fd, request, strlen(request)) < 0)
		return 1;
	measure(fd, start);
	return 0;
}

static int
send_all(const char *path, int out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	off_t at = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 1;
	while (at < st.st_size && sendfile(out, fd, &at, 1u << 20) > 0)
		;
	return at < st.st_size;
}

static int
run_sendfile(char **argv)
{
	uint64_t start = clock_boot_ns();
	int pair[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		_exit(send_all(argv[0], pair[1]));
	}
	close(pair[1]);
	measure(pair[0], start);
	close(pair[0]);
	return pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0;
}

static int
run_hold(char **argv)
{
	AUTO_FREE char *request = xasprintf(
	    "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", argv[1]);
	size_t n = str_eq(argv[1], "-") ? 0 : strlen(request);
	struct err err = ERR_INIT;

	for (uint64_t left = number(argv[2]); left > 0; left--) {
		int fd = sock_connect_unix(argv[0], &err);

		if (fd < 0)
			fail(&err);
		if (write_full(fd, request, n) < 0)
			return 1;
	}
	printf("holding\n");
	fflush(stdout);
	for (;;)
		pause();
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int n_args;
		int (*fn)(char **);
	} modes[] = {
		{ "requests", 4, run_requests },
		{ "download", 2, run_download },
		{ "sendfile", 1, run_sendfile },
		{ "hold", 3, run_hold },
	};

	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(modes); i++) {
		if (str_eq(argv[1], modes[i].name) &&
		    argc == 2 + modes[i].n_args)
			return modes[i].fn(argv + 2);
	}
	fprintf(stderr, "usage: see the head of http_load.c\n");
	return 2;
}
