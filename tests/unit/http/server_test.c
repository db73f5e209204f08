/* SPDX-License-Identifier: ISC */

#include "http/server.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sock.h"
#include "tests/unit/http/site.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

/* A listening server beside the site's own connection. */
static char *
listen_beside(struct site *site)
{
	char *path = path_join(unit_temp_dir(), "s");
	struct err err = ERR_INIT;
	int fd = sock_listen_unix(path, &err);

	assert_true(fd >= 0);
	assert_int_equal(
	    http_server_listen(site->server, fd, &site->guard, &err), 0);
	return path;
}

static int
dial(const char *path)
{
	struct err err = ERR_INIT;
	int fd = sock_connect_unix(path, &err);

	assert_true(fd >= 0);
	return fd;
}

static void
ask(int fd, const char *request)
{
	assert_int_equal(write_full(fd, request, strlen(request)), 0);
}

/* Did an answer come, or the end? */
static bool
is_answered(int fd)
{
	char room[1000];

	return recv(fd, room, sizeof(room), 0) >= 0;
}

static void
idle_server_sleeps_for_good(void **state UNUSED)
{
	AUTO_FREE char *path = NULL;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	path = listen_beside(&site);
	net_say(&site.net, GET("/small"));
	net_until(&site.net, site.n_gone == 1);
	net_close(&site.net);
	net_until(&site.net, http_server_n_conns(site.server) == 0);
	net_idle(&site.net);
	assert_int_equal(uv_backend_timeout(&site.net.loop), -1);
	assert_true(net_is_quiet(&site.net));
	site_fini(&site);
}

static void
connections_beyond_the_limit_wait(void **state UNUSED)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int first = -1, second = -1;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.config.max_conns = 2;
	site_start(&site);
	path = listen_beside(&site);
	first = dial(path);
	second = dial(path);
	ask(first, GET("/small"));
	ask(second, GET("/small"));
	net_until(&site.net, is_answered(first));
	net_idle(&site.net);
	assert_int_equal(http_server_n_conns(site.server), 2);
	assert_false(is_answered(second));
	assert_true(net_is_quiet(&site.net));

	net_close(&site.net);
	net_until(&site.net, is_answered(second));
	assert_int_equal(http_server_n_conns(site.server), 2);
	site_fini(&site);
}

static void
shortage_of_descriptors_is_sat_out(void **state UNUSED)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int waiting = -1;
	struct rlimit limit, before;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	path = listen_beside(&site);
	net_idle(&site.net);
	waiting = dial(path);
	ask(waiting, GET("/small"));

	assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
	limit = before;
	limit.rlim_cur = (rlim_t)waiting + 1;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
	net_turn(&site.net);
	net_turn(&site.net);
	assert_int_equal(http_server_n_conns(site.server), 1);
	/* It neither spins nor forgets. */
	assert_true(uv_backend_timeout(&site.net.loop) > 0);
	assert_true(uv_backend_timeout(&site.net.loop) <= 1000);

	assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
	net_until(&site.net, is_answered(waiting));
	close(TAKE_FD(waiting));
	net_close(&site.net);
	net_until(&site.net, http_server_n_conns(site.server) == 0);
	net_until(&site.net, uv_backend_timeout(&site.net.loop) == -1);
	site_fini(&site);
}

static void
closing_connection_lets_the_next_in_at_once(void **state UNUSED)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int waiting = -1;
	struct rlimit limit, before;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	path = listen_beside(&site);
	net_idle(&site.net);
	waiting = dial(path);
	ask(waiting, GET("/small"));
	assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
	limit = before;
	limit.rlim_cur = (rlim_t)waiting + 1;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
	net_turn(&site.net);
	net_turn(&site.net);

	net_close(&site.net);
	net_until(&site.net, is_answered(waiting));
	assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
	site_fini(&site);
}

static void
drain_lets_exchanges_finish(void **state UNUSED)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int idle = -1;
	struct err err = ERR_INIT;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	path = listen_beside(&site);
	idle = dial(path);
	net_say(&site.net, GET("/hold") GET("/small"));
	net_until(&site.net, site.x && http_server_n_conns(site.server) == 2);
	SITE_CALL(&site, http_server_drain(site.server));
	SITE_CALL(&site, http_server_drain(site.server));
	net_until(&site.net, is_answered(idle));
	net_idle(&site.net);
	assert_int_equal(http_server_n_conns(site.server), 1);
	assert_int_equal(sock_connect_unix(path, &err), -1);

	site_reply(&site, "held");
	net_until(&site.net, site.net.is_ended);
	assert_true(net_has(&site.net, "held"));
	assert_true(net_has(&site.net, "Connection: close\r\n"));
	assert_int_equal(site_n_answers(&site, 200), 1);
	site_fini(&site);
}

static void
drain_ends_a_connection_that_was_to_stay(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net, GET("/hold"));
	net_until(&site.net, site.x);
	SITE_CALL(&site, http_reply_start(site.x, 200, NULL, 1));
	net_until(&site.net, net_has(&site.net, "\r\n\r\n"));
	assert_false(net_has(&site.net, "close"));
	SITE_CALL(&site, http_server_drain(site.server));
	SITE_CALL(&site, http_reply_write(site.x, "x", 1));
	SITE_CALL(&site, http_reply_end(site.x));
	net_until(&site.net, site.net.is_ended);
	assert_true(net_has(&site.net, "\r\n\r\nx"));
	site_fini(&site);
}

static void
free_tells_handlers_from_the_loop(void **state UNUSED)
{
	AUTO_FREE char *path = NULL;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	path = listen_beside(&site);
	net_say(&site.net, GET("/hold"));
	net_until(&site.net, site.x);
	SITE_CALL(&site, http_server_free(site.server));
	site.server = NULL;
	assert_int_equal(site.n_gone, 0);
	net_until(&site.net, site.n_gone == 1);
	site_fini(&site);
}

static void
free_server(struct site *site, struct http_exchange *x)
{
	http_server_free(TAKE(site->server));
	http_reply(x, 200, NULL, "x", 1);
}

static void
handler_may_free_the_server(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.on_test = free_server;
	site_start(&site);
	net_say(&site.net, GET("/test"));
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site.n_gone, 1);
	site_fini(&site);
}

static void
free_without_the_loop_having_turned(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	site_fini(&site);
}

static void
tcp_connections_do_not_delay_small_answers(void **state UNUSED)
{
	struct err err = ERR_INIT;
	struct site site;
	AUTO_CLOSE int client = -1;
	char name[64];
	int fd, on = 0;
	socklen_t n = sizeof(on);

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	fd = sock_listen_tcp("127.0.0.1:0", &err);
	assert_true(fd >= 0);
	sock_name(fd, name, sizeof(name));
	assert_int_equal(http_server_listen(site.server, fd, &site.guard, &err),
			 0);
	client = sock_connect_tcp(name, &err);
	assert_true(client >= 0);
	ask(client, GET("/hold"));
	net_until(&site.net, site.x);
	assert_int_equal(getsockopt(http_exchange_fd(site.x), IPPROTO_TCP,
				    TCP_NODELAY, &on, &n),
			 0);
	assert_int_equal(on, 1);

	/* A half-closed TCP client counts as gone. */
	assert_return_code(shutdown(client, SHUT_WR), errno);
	net_until(&site.net, site.n_gone == 1);
	site_fini(&site);
}

static void
pair_of_descriptors_is_served_like_a_socket(void **state UNUSED)
{
	int in[2], out[2];
	struct err err = ERR_INIT;
	struct site site;
	char room[1000];

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	assert_return_code(pipe2(in, O_CLOEXEC), errno);
	assert_return_code(pipe2(out, O_CLOEXEC | O_NONBLOCK), errno);
	assert_int_equal(
	    http_server_serve(site.server, in[0], out[1], &site.guard, &err),
	    0);
	ask(in[1], GET("/chunks") GET("/small"));
	close(in[1]);
	net_until(&site.net, site.n_gone == 2);
	net_until(&site.net, http_server_n_conns(site.server) == 1);
	assert_true(read(out[0], room, sizeof(room)) > 100);
	assert_int_equal(read(out[0], room, sizeof(room)), 0);
	close(out[0]);
	site_fini(&site);
}

static void
descriptor_of_no_use_stays_the_callers(void **state UNUSED)
{
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct err err = ERR_INIT;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	assert_int_equal(
	    http_server_serve(site.server, null, null, &site.guard, &err), -1);
	assert_err(err, ERR_UNSUPPORTED, "socket, pipe or terminal");
	assert_int_equal(
	    http_server_listen(site.server, null, &site.guard, &err), -1);
	assert_true(fcntl(null, F_GETFD) >= 0);
	site_fini(&site);
}

static void
thousand_idle_connections_cost_little(void **state UNUSED)
{
	enum { N = 1000 };
	static int fds[N];
	AUTO_FREE char *path = NULL;
	struct rlimit limit;
	struct site site;

	assert_return_code(getrlimit(RLIMIT_NOFILE, &limit), errno);
	if (limit.rlim_max < 2 * N + 100)
		skip();
	limit.rlim_cur = limit.rlim_max;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
	site_init(&site, SOCK_STREAM);
	site_start(&site);
	path = listen_beside(&site);
	for (int i = 0; i < N; i++) {
		fds[i] = dial(path);
		if (i % 3 == 0)
			ask(fds[i], "GET /sm");
		net_turn(&site.net);
	}
	net_until(&site.net, http_server_n_conns(site.server) == N + 1);
	net_say(&site.net, GET("/small"));
	net_until(&site.net, site.n_gone == 1);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	net_until(&site.net, http_server_n_conns(site.server) == 1);
	site_fini(&site);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_server_sleeps_for_good),
		cmocka_unit_test(connections_beyond_the_limit_wait),
		cmocka_unit_test(shortage_of_descriptors_is_sat_out),
		cmocka_unit_test(closing_connection_lets_the_next_in_at_once),
		cmocka_unit_test(drain_lets_exchanges_finish),
		cmocka_unit_test(drain_ends_a_connection_that_was_to_stay),
		cmocka_unit_test(free_tells_handlers_from_the_loop),
		cmocka_unit_test(handler_may_free_the_server),
		cmocka_unit_test(free_without_the_loop_having_turned),
		cmocka_unit_test(tcp_connections_do_not_delay_small_answers),
		cmocka_unit_test(pair_of_descriptors_is_served_like_a_socket),
		cmocka_unit_test(descriptor_of_no_use_stays_the_callers),
		cmocka_unit_test(thousand_idle_connections_cost_little),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
