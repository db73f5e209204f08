/* SPDX-License-Identifier: ISC */

/*
 * An HTTP server for the tests, made of nothing but src/http.
 *
 *	http_server [--unix PATH] [--tcp ADDRESS] [--stdio] [--head-ms N]
 *	    [--body-ms N] [--idle-ms N] [--max-conns N] [--max-body N]
 *	    [--host NAME]... [--refuse-origin] [--fds N]
 *
 * It prints "listening ADDRESS" once it accepts, and ends on SIGTERM, or
 * with the only connection of --stdio.  Routes:
 *
 *	GET  /json                   a small answer
 *	POST /echo                   the body, collected up to 1 MiB
 *	POST /mirror                 the body as it comes, with back-pressure
 *	POST /count                  how many bytes the body had
 *	GET  /zeros?n=N[&length]     N bytes, in chunks or with their length
 *	GET  /file?path=P[&offset=N][&n=N][&chunked]
 *	GET  /later?ms=N             a small answer, later
 *	GET  /never                  no answer
 *	GET  /stats                  connections, exchanges begun and gone,
 *	                             bytes that /zeros has handed over, CPU time
 *	GET  /ws                     a WebSocket that echoes
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/sock.h"
#include "core/text.h"
#include "http/server.h"
#include "http/ws.h"

#define MAX_HOSTS 8
#define MAX_ECHO (1u << 20)
#define PIECE 16384

static struct {
	uv_loop_t loop;
	struct http_server *server;
	uint64_t n_begun, n_gone, n_zeros;
	const char *hosts[MAX_HOSTS + 1];
	size_t n_hosts;
	struct http_guard guard;
} program;

/* What a longer answer needs to remember. */
struct answer {
	struct http_exchange *x;
	uint64_t left;
	uv_timer_t timer;
	bool has_timer;
	bool is_gone;
};

static void
fail(const struct err *err)
{
	fprintf(stderr, "http_server: %s\n", err->msg);
	exit(1);
}

static uint64_t
number(const char *text)
{
	struct err err = ERR_INIT;
	uint64_t n = 0;

	if (text && parse_u64(text, 0, UINT64_MAX, &n, &err) < 0)
		fail(&err);
	return n;
}

static uint64_t
query_number(struct http_exchange *x, const char *name, uint64_t otherwise)
{
	AUTO_FREE char *text = http_head_query(http_exchange_head(x), name);
	uint64_t n;

	if (text &&
	    parse_u64(text, 0, UINT64_MAX, &n, &(struct err)ERR_INIT) == 0)
		return n;
	return otherwise;
}

static bool
query_flag(struct http_exchange *x, const char *name)
{
	AUTO_FREE char *text = http_head_query(http_exchange_head(x), name);

	return text != NULL;
}

static void
reply_text(struct http_exchange *x, unsigned status, const char *text)
{
	http_reply(x, status, "text/plain", text, strlen(text));
}

static void
on_timer_closed(uv_handle_t *timer)
{
	free(container_of((uv_timer_t *)timer, struct answer, timer));
}

static void
on_gone(struct http_exchange *x, void *owner)
{
	struct answer *a = owner;

	program.n_gone++;
	if (a == NULL)
		return;
	if (a->has_timer)
		uv_close((uv_handle_t *)&a->timer, on_timer_closed);
	else
		free(a);
}

static struct answer *
answer_new(struct http_exchange *x)
{
	struct answer *a = xcalloc(1, sizeof(*a));

	a->x = x;
	http_exchange_own(x, a, on_gone);
	return a;
}

static void
route_json(struct http_exchange *x)
{
	static const char body[] = "{\"ok\":true,\"version\":\"0.1.0\"}";

	http_reply(x, 200, "application/json", body, sizeof(body) - 1);
}

static void
on_json_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	route_json(x);
}

static void
route_json_post(struct http_exchange *x)
{
	http_exchange_collect(x, MAX_ECHO, on_json_body);
}

static void
on_echo_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	http_reply(x, 200, "application/octet-stream", buf_bytes(body),
		   body->len);
}

static void
route_echo(struct http_exchange *x)
{
	http_exchange_collect(x, MAX_ECHO, on_echo_body);
}

static void
on_mirror_drain(struct http_exchange *x, void *owner)
{
	http_exchange_resume(x);
}

static void
on_mirror_data(struct http_exchange *x, const void *bytes, size_t n,
	       void *owner)
{
	if (n == 0)
		http_reply_end(x);
	else if (http_reply_write(x, bytes, n))
		http_exchange_pause(x);
}

static void
route_mirror(struct http_exchange *x)
{
	http_reply_start(x, 200, "application/octet-stream", -1);
	http_reply_on_drain(x, on_mirror_drain);
	http_exchange_read(x, on_mirror_data);
}

static void
on_count_data(struct http_exchange *x, const void *bytes, size_t n, void *owner)
{
	struct answer *a = owner;
	char text[32];

	a->left += n;
	if (n > 0)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 "\n", a->left);
	reply_text(x, 200, text);
}

static void
route_count(struct http_exchange *x)
{
	answer_new(x);
	http_exchange_read(x, on_count_data);
}

static void
write_zeros(struct http_exchange *x, void *owner)
{
	static const char zeros[PIECE * 4];
	struct answer *a = owner;
	bool is_full = false;

	while (a->left > 0 && !is_full) {
		size_t n = MIN(a->left, (uint64_t)sizeof(zeros));

		is_full = http_reply_write(x, zeros, n);
		a->left -= n;
		program.n_zeros += n;
	}
	if (a->left == 0)
		http_reply_end(x);
}

static void
route_zeros(struct http_exchange *x)
{
	struct answer *a = answer_new(x);

	a->left = query_number(x, "n", 0);
	http_reply_on_drain(x, write_zeros);
	http_reply_start(x, 200, "application/octet-stream",
			 query_flag(x, "length") ? (int64_t)a->left : -1);
	write_zeros(x, a);
}

static void
route_file(struct http_exchange *x)
{
	AUTO_FREE char *path = http_head_query(http_exchange_head(x), "path");
	AUTO_CLOSE int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	uint64_t offset = query_number(x, "offset", 0), n;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		reply_text(x, 404, "no such file\n");
		return;
	}
	n = query_number(x, "n", (uint64_t)st.st_size - offset);
	http_reply_start(x, 200, "application/octet-stream",
			 query_flag(x, "chunked") ? -1 : (int64_t)n);
	http_reply_file(x, fd, offset, n);
	http_reply_end(x);
}

static void
on_later(uv_timer_t *timer)
{
	struct answer *a = container_of(timer, struct answer, timer);

	reply_text(a->x, 200, "later\n");
}

static void
route_later(struct http_exchange *x)
{
	struct answer *a = answer_new(x);

	a->has_timer = true;
	uv_timer_init(&program.loop, &a->timer);
	uv_timer_start(&a->timer, on_later, query_number(x, "ms", 1), 0);
}

static void
route_never(struct http_exchange *x)
{
}

static void
route_stats(struct http_exchange *x)
{
	AUTO_BUF out = BUF_INIT(4096);
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	buf_addf(&out,
		 "{\"conns\":%zu,\"begun\":%" PRIu64 ",\"gone\":%" PRIu64
		 ",\"zeros\":%" PRIu64 ",\"rss_kb\":%ld,\"cpu_us\":%ld}\n",
		 http_server_n_conns(program.server), program.n_begun,
		 program.n_gone, program.n_zeros, usage.ru_maxrss,
		 (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
		     usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	http_reply(x, 200, "application/json", buf_bytes(&out), out.len);
}

static void
on_ws_message(struct ws *ws, const void *bytes, size_t n, bool is_text,
	      void *owner)
{
	bool is_full = is_text ? ws_send_text(ws, bytes, n)
			       : ws_send_bytes(ws, bytes, n);

	if (is_full)
		ws_pause(ws);
}

static void
on_ws_drain(struct ws *ws, void *owner)
{
	ws_resume(ws);
}

static void
on_ws_close(struct ws *ws, unsigned code, const char *reason, void *owner)
{
	printf("ws closed %u %s\n", code, reason);
	fflush(stdout);
	ws_free(ws);
}

static void
route_ws(struct http_exchange *x)
{
	static const struct ws_events events = {
		.on_message = on_ws_message,
		.on_close = on_ws_close,
		.on_drain = on_ws_drain,
	};
	struct ws_config config = { .events = &events, .max_message = 2 << 20 };

	if (ws_is_request(x))
		ws_accept(x, &config);
	else
		reply_text(x, 400, "not a WebSocket handshake\n");
}

static const struct {
	const char *method, *path;
	void (*fn)(struct http_exchange *);
} routes[] = {
	{ "GET", "/json", route_json },	      { "HEAD", "/json", route_json },
	{ "POST", "/json", route_json_post }, { "POST", "/echo", route_echo },
	{ "POST", "/mirror", route_mirror },  { "POST", "/count", route_count },
	{ "GET", "/zeros", route_zeros },     { "HEAD", "/zeros", route_zeros },
	{ "GET", "/file", route_file },	      { "GET", "/later", route_later },
	{ "GET", "/never", route_never },     { "GET", "/stats", route_stats },
	{ "GET", "/ws", route_ws },
};

static void
on_request(struct http_exchange *x, void *owner)
{
	const struct http_head *head = http_exchange_head(x);

	program.n_begun++;
	http_exchange_own(x, NULL, on_gone);
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (str_eq(head->method, routes[i].method) &&
		    str_eq(head->path, routes[i].path)) {
			routes[i].fn(x);
			return;
		}
	}
	reply_text(x, 404, "no such route\n");
}

static void
listen_on(int fd, const char *name)
{
	struct err err = ERR_INIT;

	if (fd < 0 ||
	    http_server_listen(program.server, fd, &program.guard, &err) < 0)
		fail(&err);
	printf("listening %s\n", name);
	fflush(stdout);
}

static void
limit_fds(uint64_t n)
{
	struct rlimit limit = { .rlim_cur = n, .rlim_max = n };

	setrlimit(RLIMIT_NOFILE, &limit);
}

/* An option that sets something up front; false if it is none. */
static bool
take_option(struct http_server_config *config, const char *name,
	    const char *value)
{
	if (str_eq(name, "--head-ms"))
		config->head_timeout_ms = number(value);
	else if (str_eq(name, "--body-ms"))
		config->body_timeout_ms = number(value);
	else if (str_eq(name, "--idle-ms"))
		config->idle_timeout_ms = number(value);
	else if (str_eq(name, "--max-conns"))
		config->max_conns = number(value);
	else if (str_eq(name, "--max-body"))
		config->max_body = number(value);
	else if (str_eq(name, "--fds"))
		limit_fds(number(value));
	else if (str_eq(name, "--host") && program.n_hosts < MAX_HOSTS)
		program.hosts[program.n_hosts++] = value;
	else
		return false;
	return true;
}

static void
start_listening(char **argv)
{
	struct err err = ERR_INIT;
	char name[128];
	int fd;

	for (; *argv; argv++) {
		if (str_eq(*argv, "--unix")) {
			listen_on(sock_listen_unix(argv[1], &err), argv[1]);
		} else if (str_eq(*argv, "--tcp")) {
			fd = sock_listen_tcp(argv[1], &err);
			if (fd < 0)
				fail(&err);
			sock_name(fd, name, sizeof(name));
			listen_on(fd, name);
		} else if (str_eq(*argv, "--stdio")) {
			if (http_server_serve(program.server, 0, 1,
					      &program.guard, &err) < 0)
				fail(&err);
		}
	}
}

static void
on_term(uv_signal_t *term, int number)
{
	uv_close((uv_handle_t *)term, NULL);
	http_server_free(TAKE(program.server));
}

int
main(int argc, char **argv)
{
	struct http_server_config config = { .on_request = on_request };
	uv_signal_t term;

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&program.loop);
	config.loop = &program.loop;
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--refuse-origin"))
			program.guard.refuse_origin = true;
		else
			take_option(&config, argv[i], argv[i + 1]);
	}
	if (program.n_hosts > 0)
		program.guard.hosts = program.hosts;
	program.server = http_server_new(&config);
	start_listening(argv + 1);
	uv_signal_init(&program.loop, &term);
	uv_signal_start(&term, on_term, SIGTERM);
	/* Without listeners the end of the last connection is the end. */
	uv_unref((uv_handle_t *)&term);
	uv_run(&program.loop, UV_RUN_DEFAULT);
	if (program.server)
		on_term(&term, 0);
	uv_run(&program.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&program.loop) == 0 ? 0 : 1;
}
