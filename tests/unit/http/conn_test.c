/* SPDX-License-Identifier: ISC */

#include "http/conn.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/mem.h"
#include "tests/unit/http/site.h"

#define HOST "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define POST(path, length, body)                                               \
	"POST " path " HTTP/1.1\r\n" HOST "Content-Length: " length            \
	"\r\n\r\n" body
#define CHUNKED(path, body)                                                    \
	"POST " path " HTTP/1.1\r\n" HOST                                      \
	"Transfer-Encoding: chunked\r\n\r\n" body

static void
requests_follow_each_other_on_a_connection(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	for (size_t i = 1; i <= 3; i++) {
		net_say(&site.net, POST("/collect", "2", "ab"));
		net_until(&site.net, site.n_gone == i);
	}
	net_until(&site.net, site_n_answers(&site, 200) == 3);
	assert_int_equal(http_server_n_conns(site.server), 1);
	net_say(&site.net,
		"GET /small HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	net_until(&site.net, site.net.is_ended);
	assert_true(net_has(&site.net, "Connection: close\r\n"));
	site_fini(&site);
}

static void
pipelined_requests_are_answered_in_order(void **state UNUSED)
{
	static const char *const texts[] = { "ok", "HELD", "body", "3", "one" };
	const char *at;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net,
		GET("/small") GET("/hold") POST("/collect", "4", "body")
		    CHUNKED("/stream", "3\r\nabc\r\n0\r\n\r\n") GET("/chunks"));
	net_until(&site.net, site.n_begun == 2);
	net_idle(&site.net);
	assert_int_equal(site.n_begun, 2);
	assert_int_equal(site.n_gone, 1);
	site_reply(&site, "HELD");
	net_until(&site.net, site.n_gone == 5);
	net_until(&site.net, net_has(&site.net, "\r\n0\r\n\r\n"));

	at = buf_text(&site.net.got);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		at = strstr(at, "\r\n\r\n");
		assert_non_null(at);
		at = strstr(at, texts[i]);
		assert_non_null(at);
	}
	site_fini(&site);
}

static void
client_that_sends_ahead_is_slowed_down(void **state UNUSED)
{
	struct site site;
	size_t left;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	for (int i = 0; i < 50000; i++)
		net_say(&site.net, i == 0 ? GET("/hold") : GET("/small"));
	net_until(&site.net, site.n_begun == 1);
	net_idle(&site.net);
	left = site.net.out.len;
	assert_true(left > 1 << 20);
	net_idle(&site.net);
	assert_int_equal(site.net.out.len, left);
	assert_true(net_is_quiet(&site.net));
	site_reply(&site, "go");
	net_until(&site.net, site.n_gone == 50000);
	site_fini(&site);
}

static void
unread_body_does_not_disturb_the_next_request(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net, POST("/small", "5", "GET /")
			       CHUNKED("/small", "1\r\na\r\n"
						 "0\r\n\r\n") GET("/chunks"));
	net_until(&site.net, site.n_gone == 3);
	net_until(&site.net, net_has(&site.net, "onetwo"));
	assert_int_equal(site_n_answers(&site, 200), 3);
	assert_int_equal(site_n_answers(&site, 400), 0);
	site_fini(&site);
}

static void
large_unread_body_closes_the_connection(void **state UNUSED)
{
	AUTO_FREE char *body = xcalloc(1, 200000);
	struct site site;

	/* Known beforehand: the answer says so. */
	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net, POST("/small", "200000", ""));
	net_send(&site.net, body, 200000);
	net_until(&site.net, site.net.is_ended);
	assert_true(net_has(&site.net, "Connection: close\r\n"));
	assert_false(site.net.is_reset);

	/* Found out on the way. */
	site_again(&site, SOCK_STREAM);
	net_say(&site.net, CHUNKED("/small", "30d40\r\n"));
	net_send(&site.net, body, 200000);
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site_n_answers(&site, 200), 1);
	site_fini(&site);
}

static void
continue_is_sent_to_who_waits_for_it(void **state UNUSED)
{
#define EXPECTING(path)                                                        \
	"POST " path " HTTP/1.1\r\n" HOST                                      \
	"Content-Length: 4\r\nExpect: 100-Continue\r\n\r\n"
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net, EXPECTING("/collect"));
	net_until(&site.net, net_has(&site.net, "100 Continue\r\n\r\n"));
	net_say(&site.net, "body");
	net_until(&site.net, site.n_gone == 1);

	/* Who has sent it already does not need to be asked. */
	net_say(&site.net, EXPECTING("/collect") "body");
	net_until(&site.net, site.n_gone == 2);
	net_until(&site.net, site_n_answers(&site, 200) == 2);
	assert_int_equal(site_n_answers(&site, 100), 1);

	/* A final answer instead: the body may or may not come. */
	net_say(&site.net, EXPECTING("/small"));
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site_n_answers(&site, 100), 1);
	assert_true(net_has(&site.net, "Connection: close"));

	site_again(&site, SOCK_STREAM);
	net_say(&site.net, "GET /small HTTP/1.1\r\n" HOST "Expect: 2\r\n\r\n");
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site_n_answers(&site, 417), 1);
	site_fini(&site);
}

/* What is said is refused, without ever reaching a handler. */
static void
assert_refused(struct site *site, const char *text, unsigned status)
{
	size_t n_begun = site->n_begun;

	site_again(site, SOCK_STREAM);
	net_say(&site->net, text);
	net_until(&site->net, site->net.is_ended);
	assert_false(site->net.is_reset);
	assert_int_equal(site_n_answers(site, status), 1);
	assert_true(net_has(&site->net, "Connection: close\r\n"));
	assert_int_equal(site->n_begun, n_begun);
}

static void
guard_stands_before_the_handlers(void **state UNUSED)
{
	static const char *const hosts[] = { "127.0.0.1:7337", "Localhost:7337",
					     NULL };
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.guard.hosts = hosts;
	site.guard.refuse_origin = true;
	site_start(&site);
	net_say(&site.net,
		"GET /small HTTP/1.1\r\nHost: localhost:7337\r\n\r\n");
	net_until(&site.net, site.n_gone == 1);
	assert_refused(&site, GET("/small"), 421);
	assert_refused(&site, "GET /small HTTP/1.0\r\n\r\n", 421);
	assert_refused(&site,
		       "GET /small HTTP/1.1\r\nHost: localhost:7337\r\n"
		       "Origin: null\r\n\r\n",
		       403);
	assert_refused(
	    &site, "CONNECT /x HTTP/1.1\r\nHost: localhost:7337\r\n\r\n", 501);
	site_fini(&site);
}

static void
a_host_may_come_with_any_port(void **state UNUSED)
{
	static const char *const hosts[] = { "127.0.0.1:*", NULL };
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.guard.hosts = hosts;
	site_start(&site);
	net_say(&site.net,
		"GET /small HTTP/1.1\r\nHost: 127.0.0.1:65535\r\n\r\n");
	net_until(&site.net, site.n_gone == 1);
	assert_refused(&site, GET("/small"), 421);
	assert_refused(&site, "GET / HTTP/1.1\r\nHost: 127.0.0.1.x:1\r\n\r\n",
		       421);
	assert_refused(&site, "GET / HTTP/1.1\r\nHost: 127.0.0.1:\r\n\r\n",
		       421);
	assert_refused(&site, "GET / HTTP/1.1\r\nHost: 127.0.0.1:1x\r\n\r\n",
		       421);
	site_fini(&site);
}

static void
malformed_requests_never_reach_a_handler(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	assert_refused(&site, "GET /small HTTP/1.1\r\n\r\n", 400);
	assert_refused(&site, "GET /small HTTP/1.1\n", 400);
	assert_refused(&site, "GET /small HTTP/3.0\r\n", 505);
	assert_refused(&site, GET("/../small"), 404);
	assert_refused(&site, "\x16\x03\x01", 400);
	site_fini(&site);
}

static void
body_that_turns_out_malformed_is_answered(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net, CHUNKED("/collect", "1\r\nab"));
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site_n_answers(&site, 400), 1);
	assert_int_equal(site.n_begun, 1);
	assert_int_equal(site.n_gone, 1);
	assert_int_equal(site.n_ends, 0);

	site_again(&site, SOCK_STREAM);
	net_say(&site.net, POST("/stream", "10", "abc"));
	net_shut(&site.net);
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site_n_answers(&site, 400), 1);
	assert_int_equal(site.n_gone, 2);
	assert_int_equal(site.n_ends, 0);

	site_again(&site, SOCK_STREAM);
	net_say(&site.net, "GET /sm");
	net_shut(&site.net);
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site_n_answers(&site, 400), 1);
	site_fini(&site);
}

static void
half_closed_client_still_gets_its_answer(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net, GET("/small") GET("/hold"));
	net_shut(&site.net);
	net_until(&site.net, site.n_begun == 2);
	net_idle(&site.net);
	assert_int_equal(site.n_gone, 1);
	site_reply(&site, "late");
	net_until(&site.net, site.net.is_ended);
	assert_true(net_has(&site.net, "late"));
	site_fini(&site);
}

static void
client_that_goes_away_is_noticed_while_the_handler_thinks(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net, GET("/hold"));
	net_until(&site.net, site.n_begun == 1);
	net_close(&site.net);
	net_until(&site.net, site.n_gone == 1);

	site_again(&site, SOCK_STREAM);
	net_say(&site.net, GET("/hold"));
	net_shut(&site.net);
	net_until(&site.net, site.n_begun == 2);
	net_idle(&site.net);
	assert_int_equal(site.n_gone, 1);
	net_close(&site.net);
	net_until(&site.net, site.n_gone == 2);
	site_fini(&site);
}

/* Drip `text' a byte every other millisecond until the server has enough. */
static void
drip(struct site *site, char byte)
{
	while (!site->net.is_ended) {
		uint64_t next = clock_mono_ms() + 2;

		net_send(&site->net, &byte, 1);
		while (clock_mono_ms() < next)
			net_turn(&site->net);
	}
}

static void
dripping_does_not_extend_deadlines(void **state UNUSED)
{
	struct site site;
	uint64_t start = clock_mono_ms();

	site_init(&site, SOCK_STREAM);
	site.config.head_timeout_ms = 40;
	site.config.body_timeout_ms = 60;
	site_start(&site);
	net_say(&site.net, "GET /small HTTP/1.1\r\n" HOST "A: ");
	drip(&site, 'a');
	assert_int_equal(site_n_answers(&site, 408), 1);
	assert_in_range(clock_mono_ms() - start, 40, 1000);
	assert_int_equal(site.n_begun, 0);

	start = clock_mono_ms();
	site_again(&site, SOCK_STREAM);
	net_say(&site.net, POST("/collect", "999", ""));
	drip(&site, 'b');
	assert_int_equal(site_n_answers(&site, 408), 1);
	assert_in_range(clock_mono_ms() - start, 60, 1000);
	assert_int_equal(site.n_ends, 0);
	assert_int_equal(site.n_gone, 1);
	site_fini(&site);
}

static void
body_that_comes_along_has_all_the_time_it_needs(void **state UNUSED)
{
	AUTO_FREE char *piece = xcalloc(1, 20000);
	struct site site;
	uint64_t start = clock_mono_ms();

	site_init(&site, SOCK_STREAM);
	site.config.body_timeout_ms = 50;
	site_start(&site);
	net_say(&site.net, POST("/stream", "200000", ""));
	for (size_t i = 1; i <= 10; i++) {
		uint64_t next = clock_mono_ms() + 10;

		net_send(&site.net, piece, 20000);
		net_until(&site.net, site.body.len == i * 20000);
		while (clock_mono_ms() < next)
			net_turn(&site.net);
	}
	net_until(&site.net, site.n_gone == 1);
	assert_int_equal(site_n_answers(&site, 200), 1);
	assert_true(clock_mono_ms() - start > 50);
	site_fini(&site);
}

static void
deadline_does_not_run_while_the_handler_pauses(void **state UNUSED)
{
	struct site site;
	uint64_t over;

	site_init(&site, SOCK_STREAM);
	site.config.body_timeout_ms = 20;
	site_start(&site);
	net_say(&site.net, POST("/step", "6", "abc"));
	net_until(&site.net, site.body.len == 3);
	over = clock_mono_ms() + 60;
	while (clock_mono_ms() < over)
		net_turn(&site.net);
	assert_int_equal(site.n_gone, 0);
	net_say(&site.net, "def");
	net_idle(&site.net);
	assert_int_equal(site.body.len, 3);
	SITE_CALL(&site, http_exchange_resume(site.x));
	net_until(&site.net, site.body.len == 6);
	SITE_CALL(&site, http_exchange_resume(site.x));
	net_until(&site.net, site.n_gone == 1);
	assert_int_equal(site_n_answers(&site, 200), 1);
	site_fini(&site);
}

static void
idle_connection_is_closed_without_a_word(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.config.idle_timeout_ms = 30;
	site_start(&site);
	net_say(&site.net, GET("/small"));
	net_until(&site.net, site.n_gone == 1);
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site_n_answers(&site, 200), 1);
	assert_false(net_has(&site.net, "408"));
	net_close(&site.net);
	net_until(&site.net, http_server_n_conns(site.server) == 0);
	site_fini(&site);
}

static void
undecided_body_is_refused_when_too_large(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.config.max_body = 10;
	site_start(&site);
	net_say(&site.net, POST("/hold", "11", ""));
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site_n_answers(&site, 413), 1);
	assert_int_equal(site.n_gone, 1);

	site_again(&site, SOCK_STREAM);
	net_say(&site.net, POST("/collect", "11", "12345678901"));
	net_until(&site.net, site.n_gone == 2);
	net_until(&site.net, site_n_answers(&site, 200) == 1);
	site_fini(&site);
}

/* All kinds of requests, one after the other. */
static const char everything[] = GET("/small") POST("/collect", "4", "body")
    CHUNKED("/stream", "3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\n")
	POST("/small", "3", "xyz") GET("/chunks");
#define N_EVERYTHING 5

static void
connection_cut_after_any_byte_leaves_nothing_behind(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	for (size_t n = 0; n < sizeof(everything); n++) {
		site_again(&site, SOCK_STREAM);
		net_send(&site.net, everything, n);
		net_shut(&site.net);
		if (n % 2)
			net_close(&site.net);
		net_until(&site.net, http_server_n_conns(site.server) ==
					 (site.net.is_ended || n % 2 ? 0 : 1));
		net_close(&site.net);
		net_until(&site.net, http_server_n_conns(site.server) == 0);
		assert_int_equal(site.n_gone, site.n_begun);
	}
	site_fini(&site);
}

static void
requests_byte_by_byte_are_the_same_requests(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	for (size_t i = 0; i < sizeof(everything) - 1; i++) {
		net_send(&site.net, everything + i, 1);
		net_turn(&site.net);
	}
	net_until(&site.net, site.n_gone == N_EVERYTHING);
	assert_int_equal(site_n_answers(&site, 200), N_EVERYTHING);
	site_fini(&site);
}

static void
answer_cut_anywhere_leaves_nothing_behind(void **state UNUSED)
{
	AUTO_FREE char *room = xmalloc(SITE_BIG);
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	for (size_t cut = 0; cut < SITE_BIG; cut += 1 + cut / 2) {
		size_t got = 0;

		site_again(&site, SOCK_STREAM);
		site.net.is_deaf = true;
		net_say(&site.net, GET("/big"));
		while (got < cut) {
			ssize_t n;

			net_turn(&site.net);
			n = recv(site.net.peer, room, cut - got, 0);
			got += n > 0 ? (size_t)n : 0;
		}
		net_close(&site.net);
		net_until(&site.net, http_server_n_conns(site.server) == 0);
		assert_int_equal(site.n_gone, site.n_begun);
	}
	site_fini(&site);
}

static void
reader_that_never_reads_stops_the_handler(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	site.net.is_deaf = true;
	net_say(&site.net, GET("/big"));
	net_until(&site.net, site.n_begun == 1);
	net_idle(&site.net);
	assert_true(site.n_big < SITE_BIG);
	assert_int_equal(site.n_drains, 0);
	assert_true(net_is_quiet(&site.net));
	site.net.is_deaf = false;
	net_until(&site.net, site.n_gone == 1);
	assert_true(site.n_drains > 0);
	net_until(&site.net, net_has(&site.net, "\r\n0\r\n\r\n"));
	site_fini(&site);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_follow_each_other_on_a_connection),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(client_that_sends_ahead_is_slowed_down),
		cmocka_unit_test(unread_body_does_not_disturb_the_next_request),
		cmocka_unit_test(large_unread_body_closes_the_connection),
		cmocka_unit_test(continue_is_sent_to_who_waits_for_it),
		cmocka_unit_test(guard_stands_before_the_handlers),
		cmocka_unit_test(a_host_may_come_with_any_port),
		cmocka_unit_test(malformed_requests_never_reach_a_handler),
		cmocka_unit_test(body_that_turns_out_malformed_is_answered),
		cmocka_unit_test(half_closed_client_still_gets_its_answer),
		cmocka_unit_test(
		    client_that_goes_away_is_noticed_while_the_handler_thinks),
		cmocka_unit_test(dripping_does_not_extend_deadlines),
		cmocka_unit_test(
		    body_that_comes_along_has_all_the_time_it_needs),
		cmocka_unit_test(
		    deadline_does_not_run_while_the_handler_pauses),
		cmocka_unit_test(idle_connection_is_closed_without_a_word),
		cmocka_unit_test(undecided_body_is_refused_when_too_large),
		cmocka_unit_test(
		    connection_cut_after_any_byte_leaves_nothing_behind),
		cmocka_unit_test(requests_byte_by_byte_are_the_same_requests),
		cmocka_unit_test(answer_cut_anywhere_leaves_nothing_behind),
		cmocka_unit_test(reader_that_never_reads_stops_the_handler),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
