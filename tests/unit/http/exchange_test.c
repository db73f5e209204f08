/* SPDX-License-Identifier: ISC */

#include "http/server.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "http/stream.h"
#include "tests/unit/http/site.h"

#define HOST "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

/* The next write of the server, as a text. */
static const char *
next_write(struct site *site)
{
	static char text[100000];
	ssize_t n;

	site->net.is_deaf = true;
	for (;;) {
		n = recv(site->net.peer, text, sizeof(text) - 1, 0);
		if (n >= 0)
			break;
		net_turn(&site->net);
	}
	text[n] = '\0';
	return text;
}

static bool
is_nothing_more(struct site *site)
{
	char byte;

	net_idle(&site->net);
	return recv(site->net.peer, &byte, 1, 0) < 0;
}

/* The answer to `request', up to the end of the connection. */
static const char *
answer_to(struct site *site, const char *request)
{
	site_again(site, SOCK_STREAM);
	net_say(&site->net, request);
	net_shut(&site->net);
	net_until(&site->net, site->net.is_ended);
	return buf_text(&site->net.got);
}

static void
small_answer_is_one_write(void **state UNUSED)
{
	const char *text;
	struct site site;

	site_init(&site, SOCK_SEQPACKET);
	site_start(&site);
	net_say(&site.net, GET("/small"));
	text = next_write(&site);
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\nDate: "));
	assert_non_null(strstr(text, " GMT\r\nContent-Type: text/plain\r\n"
				     "Content-Length: 2\r\n\r\nok"));
	assert_true(is_nothing_more(&site));
	site_fini(&site);
}

static void
head_and_pieces_of_one_turn_are_one_write_and_one_chunk(void **state UNUSED)
{
	const char *text;
	struct site site;

	site_init(&site, SOCK_SEQPACKET);
	site_start(&site);
	net_say(&site.net, GET("/chunks"));
	text = next_write(&site);
	assert_non_null(strstr(text, "Transfer-Encoding: chunked\r\n\r\n"
				     "6\r\nonetwo\r\n0\r\n\r\n"));
	assert_true(is_nothing_more(&site));
	site_fini(&site);
}

static void
start_only(struct site *site UNUSED, struct http_exchange *x)
{
	http_reply_start(x, 200, "text/plain", -1);
}

static void
head_leaves_though_nothing_follows_yet(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_SEQPACKET);
	site.on_test = start_only;
	site_start(&site);
	net_say(&site.net, GET("/test"));
	assert_non_null(strstr(next_write(&site), "chunked\r\n\r\n"));
	SITE_CALL(&site, http_reply_write(site.x, "", 0));
	assert_true(is_nothing_more(&site));
	SITE_CALL(&site, http_reply_write(site.x, "late", 4));
	assert_string_equal(next_write(&site), "4\r\nlate\r\n");
	SITE_CALL(&site, http_reply_end(site.x));
	assert_int_equal(site.n_gone, 0);
	assert_string_equal(next_write(&site), "0\r\n\r\n");
	net_until(&site.net, site.n_gone == 1);
	site_fini(&site);
}

static void
start_without_body(struct site *site UNUSED, struct http_exchange *x)
{
	http_reply_header(x, "X-One", "1");
	http_reply_start(x, 204, NULL, -1);
	http_reply_end(x);
}

static void
body_is_left_out_where_http_wants_none(void **state UNUSED)
{
	const char *text;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.on_test = start_without_body;
	site_start(&site);
	text = answer_to(&site, "HEAD /small HTTP/1.1\r\n" HOST "\r\n");
	assert_non_null(strstr(text, "Content-Length: 2\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");

	text = answer_to(&site, "HEAD /chunks HTTP/1.1\r\n" HOST "\r\n");
	assert_non_null(strstr(text, "Transfer-Encoding: chunked\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");

	text = answer_to(&site, "HEAD /../ HTTP/1.1\r\n" HOST "\r\n");
	assert_non_null(strstr(text, " 404 "));

	text = answer_to(&site, GET("/test"));
	assert_non_null(strstr(text, "204 No Content\r\n"));
	assert_non_null(strstr(text, "X-One: 1\r\n"));
	assert_null(strstr(text, "Content-Length"));
	assert_null(strstr(text, "Transfer-Encoding"));
	site_fini(&site);
}

static void
old_client_gets_no_chunks(void **state UNUSED)
{
	const char *text;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	text = answer_to(&site, "GET /chunks HTTP/1.0\r\n\r\n");
	assert_null(strstr(text, "Transfer-Encoding"));
	assert_non_null(strstr(text, "Connection: close\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\nonetwo");
	site_fini(&site);
}

static void
break_out(struct site *site UNUSED, struct http_exchange *x)
{
	http_reply_header(x, "X-Name", "a\r\nSet-Cookie: b\t\x01");
	http_reply(x, 200, NULL, NULL, 0);
}

static void
header_cannot_break_out_of_its_line(void **state UNUSED)
{
	const char *text;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.on_test = break_out;
	site_start(&site);
	text = answer_to(&site, GET("/test"));
	assert_non_null(strstr(text, "X-Name: a??Set-Cookie: b??\r\n"));
	assert_null(strstr(text, "Content-Type"));
	site_fini(&site);
}

static int
make_file(const char *text)
{
	char path[] = "/tmp/berth-exchange-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	return fd;
}

static void
send_file_chunks(struct site *site UNUSED, struct http_exchange *x)
{
	AUTO_CLOSE int fd = make_file("0123456789");

	http_reply_start(x, 200, NULL, -1);
	http_reply_write(x, "<", 1);
	http_reply_file(x, fd, 2, 3);
	http_reply_file(x, fd, 0, 0);
	http_reply_file(x, fd, 9, 1);
	http_reply_write(x, ">", 1);
	http_reply_end(x);
}

static void
send_file_length(struct site *site UNUSED, struct http_exchange *x)
{
	AUTO_CLOSE int fd = make_file("0123456789");

	http_reply_start(x, 200, NULL, 6);
	http_reply_write(x, "<", 1);
	http_reply_file(x, fd, 6, 4);
	http_reply_write(x, ">", 1);
	http_reply_end(x);
}

static void
files_are_framed_like_bytes(void **state UNUSED)
{
	const char *text;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.on_test = send_file_chunks;
	site_start(&site);
	text = answer_to(&site, GET("/test"));
	assert_string_equal(strstr(text, "\r\n\r\n"),
			    "\r\n\r\n4\r\n<234\r\n1\r\n9\r\n1\r\n>\r\n"
			    "0\r\n\r\n");
	site.on_test = send_file_length;
	text = answer_to(&site, GET("/test"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n<6789>");
	text = answer_to(&site, "HEAD /test HTTP/1.1\r\n" HOST "\r\n");
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
	site_fini(&site);
}

static void
write_less(struct site *site UNUSED, struct http_exchange *x)
{
	http_reply_start(x, 200, NULL, 6);
	http_reply_write(x, "12345", 5);
	http_reply_end(x);
}

static void
write_more(struct site *site UNUSED, struct http_exchange *x)
{
	http_reply_start(x, 200, NULL, 6);
	http_reply_write(x, "12345", 5);
	http_reply_write(x, "67", 2);
	http_reply_write(x, "8", 1);
	http_reply_end(x);
}

static void
send_short_file(struct site *site UNUSED, struct http_exchange *x)
{
	AUTO_CLOSE int fd = make_file("0123456789");

	http_reply_start(x, 200, NULL, 11);
	http_reply_file(x, fd, 0, 11);
	http_reply_end(x);
}

static void
answer_of_another_length_breaks_the_connection(void **state UNUSED)
{
	void (*const fns[])(struct site *, struct http_exchange *) = {
		write_less,
		write_more,
		send_short_file,
	};
	static const size_t lengths[] = { 6, 6, 11 };

	for (size_t i = 0; i < ARRAY_SIZE(fns); i++) {
		struct site site;
		const char *body;

		site_init(&site, SOCK_STREAM);
		site.on_test = fns[i];
		site_start(&site);
		net_say(&site.net, GET("/test"));
		net_until(&site.net, site.net.is_ended);
		body = strstr(buf_text(&site.net.got), "\r\n\r\n");
		assert_true(body == NULL || strlen(body + 4) < lengths[i]);
		assert_int_equal(site.n_gone, 1);
		site_fini(&site);
	}
}

static void
abort_breaks_the_connection_later(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net, GET("/hold"));
	net_until(&site.net, site.x);
	SITE_CALL(&site, http_exchange_abort(site.x));
	assert_int_equal(site.n_gone, 0);
	/* Until then it takes all calls. */
	SITE_CALL(&site, http_reply(site.x, 200, NULL, "x", 1));
	SITE_CALL(&site, http_exchange_collect(site.x, 1, NULL));
	net_until(&site.net, site.n_gone == 1);
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site.net.got.len, 0);
	site_fini(&site);
}

static void
collect_and_answer(struct site *site UNUSED, struct http_exchange *x)
{
	http_exchange_collect(x, 3, NULL);
	http_reply(x, 200, NULL, "too late", 8);
}

static void
too_large_body_is_refused_instead_of_the_handler(void **state UNUSED)
{
	const char *text;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.on_test = collect_and_answer;
	site_start(&site);
	text = answer_to(&site, "POST /test HTTP/1.1\r\n" HOST
				"Content-Length: 4\r\n\r\n");
	assert_non_null(strstr(text, "HTTP/1.1 413 "));
	assert_null(strstr(text, "too late"));
	assert_int_equal(site.n_gone, 1);

	site_again(&site, SOCK_STREAM);
	net_say(&site.net, "POST /collect HTTP/1.1\r\n" HOST
			   "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < SITE_MAX_BODY / 10; i++)
		net_say(&site.net, "a\r\n0123456789\r\n");
	net_idle(&site.net);
	assert_int_equal(site.n_gone, 1);
	net_say(&site.net, "1\r\n0\r\n");
	net_until(&site.net, site.net.is_ended);
	assert_int_equal(site_n_answers(&site, 413), 1);
	assert_int_equal(site.n_ends, 0);
	assert_int_equal(site.n_gone, 2);
	site_fini(&site);
}

static int
add_error(struct buf *out, const struct err *err)
{
	return buf_addf(out, "{\"error\":%d,\"message\":\"%s\"}",
			(int)err->code, err->msg);
}

static void
errors_are_worded_by_the_owner(void **state UNUSED)
{
	const char *text;
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.config.add_error = add_error;
	site_start(&site);
	text = answer_to(&site, "GET /small HTTP/1.1\r\n\r\n");
	assert_non_null(strstr(text, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(text, "\"message\":\"no Host header\"}"));
	site_fini(&site);
}

static void
large_answer_waits_for_a_slow_reader(void **state UNUSED)
{
	AUTO_FREE char *body = xmalloc(3 << 20);
	struct site site;

	for (int i = 0; i < 3 << 20; i++)
		body[i] = (char)(i >> 9);
	site_init(&site, SOCK_STREAM);
	site_start(&site);
	site.net.is_deaf = true;
	net_say(&site.net, GET("/hold"));
	net_until(&site.net, site.x);
	SITE_CALL(&site, http_reply(site.x, 200, NULL, body, 3 << 20));
	net_idle(&site.net);
	assert_int_equal(site.n_gone, 0);
	site.net.is_deaf = false;
	net_until(&site.net, site.n_gone == 1);
	net_until(&site.net, site.net.got.len > 3 << 20);
	assert_memory_equal(buf_bytes(&site.net.got) + site.net.got.len -
				(3 << 20),
			    body, 3 << 20);
	site_fini(&site);
}

/* What an upgraded stream says, is said back. */

static struct stream *upgraded;

static void
echo_data(struct stream *stream, const void *bytes, size_t n, void *owner)
{
	stream_write(stream, bytes, n);
}

static void
echo_end(struct stream *stream, const struct err *err, void *owner)
{
	stream_close(TAKE(upgraded));
}

static void
upgrade(struct site *site, struct http_exchange *x)
{
	static const struct stream_events events = { .on_data = echo_data,
						     .on_end = echo_end };

	http_reply_header(x, "X-One", "1");
	upgraded = http_upgrade(x, "echo");
	/* The exchange goes without a word. */
	site->n_gone++;
	site->x = NULL;
	stream_set_events(upgraded, &events, NULL);
	stream_resume(upgraded);
}

static void
upgraded_connection_keeps_what_came_early(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site.on_test = upgrade;
	site_start(&site);
	net_say(&site.net, "GET /test HTTP/1.1\r\n" HOST
			   "Connection: upgrade\r\nUpgrade: echo\r\n\r\nearly");
	net_until(&site.net, net_has(&site.net, "\r\n\r\nearly"));
	assert_true(net_has(&site.net, "HTTP/1.1 101 Switching Protocols\r\n"
				       "Upgrade: echo\r\n"
				       "Connection: Upgrade\r\n"
				       "X-One: 1\r\n\r\n"));
	assert_int_equal(http_server_n_conns(site.server), 0);
	net_say(&site.net, " and GET / late");
	net_until(&site.net, net_has(&site.net, "early and GET / late"));
	net_shut(&site.net);
	net_until(&site.net, upgraded == NULL);
	site_fini(&site);
}

static void
connection_can_be_taken_over_later_and_without_events(void **state UNUSED)
{
	struct site site;

	site_init(&site, SOCK_STREAM);
	site_start(&site);
	net_say(&site.net, GET("/hold") "early");
	net_until(&site.net, site.x);
	net_idle(&site.net);
	SITE_CALL(&site, upgraded = http_upgrade(TAKE(site.x), "x"));
	site.n_gone++;
	net_idle(&site.net);
	stream_close(upgraded);
	net_until(&site.net, site.net.is_ended);
	site_fini(&site);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_answer_is_one_write),
		cmocka_unit_test(
		    head_and_pieces_of_one_turn_are_one_write_and_one_chunk),
		cmocka_unit_test(head_leaves_though_nothing_follows_yet),
		cmocka_unit_test(body_is_left_out_where_http_wants_none),
		cmocka_unit_test(old_client_gets_no_chunks),
		cmocka_unit_test(header_cannot_break_out_of_its_line),
		cmocka_unit_test(files_are_framed_like_bytes),
		cmocka_unit_test(
		    answer_of_another_length_breaks_the_connection),
		cmocka_unit_test(abort_breaks_the_connection_later),
		cmocka_unit_test(
		    too_large_body_is_refused_instead_of_the_handler),
		cmocka_unit_test(errors_are_worded_by_the_owner),
		cmocka_unit_test(large_answer_waits_for_a_slow_reader),
		cmocka_unit_test(upgraded_connection_keeps_what_came_early),
		cmocka_unit_test(
		    connection_can_be_taken_over_later_and_without_events),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
