/* SPDX-License-Identifier: ISC */

#include "http/ws.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/client.h"
#include "http/stream.h"
#include "tests/unit/http/site.h"

#define M "\0\0\0\0"
#define HANDSHAKE                                                              \
	"GET /test HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n" \
	"Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"                  \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define SAY(net, bytes) net_send(net, bytes, sizeof(bytes) - 1)

/* One socket of ours and what it has seen; the site's peer is the other. */
static struct {
	struct ws *ws;
	struct buf messages; /* "T3:abc " ... */
	unsigned code;
	char reason[200];
	int n_closes, n_drains;
	bool is_inside, frees, pauses, echoes;
	struct ws_config config;
} one;

static void
on_message(struct ws *ws, const void *bytes, size_t n, bool is_text,
	   void *owner)
{
	assert_false(one.is_inside);
	assert_int_equal(one.n_closes, 0);
	buf_addf(&one.messages, "%c%zu:", is_text ? 'T' : 'B', n);
	buf_add(&one.messages, bytes, n);
	buf_addc(&one.messages, ' ');
	if (one.pauses)
		ws_pause(ws);
	if (one.echoes && is_text)
		ws_send_text(ws, bytes, n);
	else if (one.echoes)
		ws_send_bytes(ws, bytes, n);
	if (one.frees)
		ws_free(TAKE(one.ws));
}

static void
on_close(struct ws *ws, unsigned code, const char *reason, void *owner)
{
	assert_false(one.is_inside);
	one.n_closes++;
	one.code = code;
	snprintf(one.reason, sizeof(one.reason), "%s", reason);
	if (one.frees)
		ws_free(TAKE(one.ws));
}

static void
on_drain(struct ws *ws, void *owner)
{
	one.n_drains++;
}

static const struct ws_events events = {
	.on_message = on_message,
	.on_close = on_close,
	.on_drain = on_drain,
};

static void
accept_it(struct site *site, struct http_exchange *x)
{
	if (!ws_is_request(x)) {
		http_reply(x, 400, NULL, NULL, 0);
		return;
	}
	one.ws = ws_accept(x, &one.config);
	/* The exchange goes without a word. */
	site->n_gone++;
	site->x = NULL;
}

static void
one_init(struct site *site)
{
	memset(&one, 0, sizeof(one));
	buf_init(&one.messages, SIZE_MAX - 1);
	one.config.events = &events;
	one.config.max_message = 2 << 20;
	one.config.close_timeout_ms = 30;
	site_init(site, SOCK_STREAM);
	site->on_test = accept_it;
	site_start(site);
}

static void
one_fini(struct site *site)
{
	ws_free(TAKE(one.ws));
	site_fini(site);
	buf_fini(&one.messages);
}

/* Shake hands; what the peer gets from now on are frames. */
static void
open_socket(struct site *site)
{
	net_say(&site->net, HANDSHAKE);
	net_until(&site->net, net_has(&site->net, "\r\n\r\n"));
	assert_true(net_has(&site->net, "Sec-WebSocket-Accept: "
					"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	buf_clear(&site->net.got);
	assert_non_null(one.ws);
}

static bool
got(const struct site *site, const char *bytes, size_t n)
{
	return site->net.got.len == n &&
	       memcmp(buf_bytes(&site->net.got), bytes, n) == 0;
}

#define GOT(site, bytes) got(site, bytes, sizeof(bytes) - 1)

static void
only_a_proper_request_is_accepted(void **state UNUSED)
{
	static const char *const lines[] = {
		"Connection: Upgrade\r\n",
		"Upgrade: websocket\r\n",
		"Sec-WebSocket-Version: 13\r\n",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		"X: y\r\n",
	};
	static const char *const wrong[] = {
		"Connection: close\r\n",
		"Upgrade: h2c\r\n",
		"Sec-WebSocket-Version: 8\r\n",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",
		"Content-Length: 1\r\n",
	};
	struct site site;

	one_init(&site);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		site_again(&site, SOCK_STREAM);
		net_say(&site.net, "GET /test HTTP/1.1\r\nHost: x\r\n");
		for (size_t k = 0; k < ARRAY_SIZE(lines); k++)
			net_say(&site.net, k == i ? wrong[k] : lines[k]);
		net_say(&site.net, "\r\nx");
		net_until(&site.net, net_has(&site.net, "\r\n\r\n"));
		assert_int_equal(site_n_answers(&site, 400), 1);
		assert_null(one.ws);
	}
	one_fini(&site);
}

static void
messages_go_both_ways(void **state UNUSED)
{
	struct site site;

	one_init(&site);
	one.echoes = true;
	open_socket(&site);
	SAY(&site.net, "\x01\x82" M "ab"
		       "\x89\x82" M "hi"
		       "\x80\x81" M "c"
		       "\x82\x81" M "d");
	net_until(&site.net, site.net.got.len == 4 + 5 + 3);
	assert_true(GOT(&site, "\x8a\x02hi\x81\x03"
			       "abc\x82\x01"
			       "d"));
	assert_string_equal(buf_text(&one.messages), "T3:abc B1:d ");
	one_fini(&site);
}

static void
early_frames_are_not_lost(void **state UNUSED)
{
	struct site site;

	one_init(&site);
	net_say(&site.net, HANDSHAKE);
	SAY(&site.net, "\x81\x83" M "abc");
	net_until(&site.net, one.messages.len > 0);
	assert_string_equal(buf_text(&one.messages), "T3:abc ");
	one_fini(&site);
}

static void
close_of_the_peer_is_answered_once(void **state UNUSED)
{
	struct site site;

	one_init(&site);
	open_socket(&site);
	SAY(&site.net, "\x88\x85" M "\x0f\xa0"
		       "bye"
		       "\x88\x80" M);
	net_until(&site.net, site.net.is_ended);
	assert_true(GOT(&site, "\x88\x05\x0f\xa0"
			       "bye"));
	assert_int_equal(one.n_closes, 1);
	assert_int_equal(one.code, 4000);
	assert_string_equal(one.reason, "bye");
	assert_false(ws_send_text(one.ws, "x", 1));
	ws_close(one.ws, 1000, NULL);
	ws_pause(one.ws);
	ws_resume(one.ws);
	one_fini(&site);
}

static void
our_close_waits_for_the_peers(void **state UNUSED)
{
	struct site site;

	one_init(&site);
	open_socket(&site);
	ws_pause(one.ws);
	one.is_inside = true;
	ws_close(one.ws, 1001, "later");
	one.is_inside = false;
	net_until(&site.net, GOT(&site, "\x88\x07\x03\xe9later"));
	assert_int_equal(one.n_closes, 0);
	/* A message that crosses it is dropped. */
	SAY(&site.net, "\x81\x83" M "abc");
	SAY(&site.net, "\x88\x82" M "\x03\xe9");
	net_until(&site.net, one.n_closes == 1);
	assert_int_equal(one.code, 1001);
	assert_int_equal(one.messages.len, 0);
	net_until(&site.net, site.net.is_ended);
	one_fini(&site);
}

static void
close_that_is_not_answered_has_a_deadline(void **state UNUSED)
{
	struct site site;

	one_init(&site);
	open_socket(&site);
	ws_close(one.ws, 1000, NULL);
	net_until(&site.net, one.n_closes == 1);
	assert_int_equal(one.code, 1006);
	net_until(&site.net, site.net.is_ended);
	one_fini(&site);
}

static void
broken_protocol_is_closed_with_its_code(void **state UNUSED)
{
	struct site site;

	one_init(&site);
	open_socket(&site);
	SAY(&site.net, "\x81\x03"
		       "abc and more that is never looked at");
	net_until(&site.net, site.net.is_ended);
	assert_memory_equal(buf_bytes(&site.net.got), "\x88\x17\x03\xea", 4);
	assert_int_equal(one.code, 1002);
	assert_string_equal(one.reason, "a frame is not masked");
	one_fini(&site);
}

static void
lost_connection_is_1006(void **state UNUSED)
{
	struct site site;

	one_init(&site);
	one.frees = true;
	open_socket(&site);
	net_close(&site.net);
	net_until(&site.net, one.n_closes == 1);
	assert_int_equal(one.code, 1006);
	assert_null(one.ws);
	one_fini(&site);
}

static void
paused_socket_keeps_messages_back(void **state UNUSED)
{
	struct site site;

	one_init(&site);
	one.pauses = true;
	open_socket(&site);
	SAY(&site.net, "\x81\x81" M "a\x81\x81" M "b\x81\x81" M "c");
	for (const char *const *p =
		 (const char *const[]){ "T1:a ", "T1:a T1:b ", NULL };
	     *p; p++) {
		net_until(&site.net, str_eq(buf_text(&one.messages), *p));
		net_idle(&site.net);
		assert_string_equal(buf_text(&one.messages), *p);
		one.is_inside = true;
		ws_resume(one.ws);
		one.is_inside = false;
	}
	net_until(&site.net,
		  str_eq(buf_text(&one.messages), "T1:a T1:b T1:c "));
	one_fini(&site);
}

static void
message_handler_may_free_the_socket(void **state UNUSED)
{
	struct site site;

	one_init(&site);
	one.frees = true;
	open_socket(&site);
	SAY(&site.net, "\x81\x81" M "a\x81\x81" M "b");
	net_until(&site.net, site.net.is_ended);
	assert_string_equal(buf_text(&one.messages), "T1:a ");
	assert_int_equal(one.n_closes, 0);
	one_fini(&site);
}

static void
pings_of_a_peer_that_never_reads_cost_no_memory(void **state UNUSED)
{
	AUTO_FREE char *pings = xmalloc(131 * 20000);
	struct site site;

	for (int i = 0; i < 20000; i++) {
		memset(pings + i * 131, 0, 131);
		memcpy(pings + i * 131, "\x89\xfd", 2);
	}
	one_init(&site);
	open_socket(&site);
	site.net.is_deaf = true;
	net_send(&site.net, pings, 131 * 20000);
	net_until(&site.net, site.net.out.len == 0);
	net_idle(&site.net);
	/* All were read; what the peer can be sent is bounded. */
	site.net.is_deaf = false;
	ws_send_text(one.ws, "end", 3);
	net_until(&site.net, net_has(&site.net, "\x81\x03"
						"end"));
	assert_true(site.net.got.len < 2000000);
	one_fini(&site);
}

static void
sender_is_told_to_stop(void **state UNUSED)
{
	AUTO_FREE char *piece = xcalloc(1, 100000);
	struct site site;
	int n = 0;

	one_init(&site);
	open_socket(&site);
	site.net.is_deaf = true;
	while (!ws_send_bytes(one.ws, piece, 100000))
		assert_true(++n < 100);
	net_idle(&site.net);
	assert_int_equal(one.n_drains, 0);
	site.net.is_deaf = false;
	net_until(&site.net, one.n_drains == 1);
	one_fini(&site);
}

/* A client of ours against the site's own echo. */
static struct {
	struct http_client *client;
	struct ws *ws;
	char key[WS_KEY_SIZE];
	struct buf got;
	unsigned code;
	struct err err;
	bool is_refused;
} other;

static void
on_other_message(struct ws *ws, const void *bytes, size_t n, bool is_text,
		 void *owner)
{
	buf_add(&other.got, bytes, n);
}

static void
on_other_close(struct ws *ws, unsigned code, const char *reason, void *owner)
{
	other.code = code;
	ws_free(TAKE(other.ws));
}

static void
on_other_head(struct http_call *call, const struct http_head *head, void *owner)
{
	static const struct ws_events other_events = {
		.on_message = on_other_message,
		.on_close = on_other_close,
	};
	struct ws_config config = { .events = &other_events,
				    .max_message = 2 << 20 };

	other.ws = ws_connected(call, other.key, &config, &other.err);
	if (other.ws) {
		other.client = NULL;
		return;
	}
	other.is_refused = true;
	http_call_cancel(call);
}

static void
on_other_end(struct http_call *call, const struct err *err, void *owner)
{
	fail();
}

static void
other_connect(struct site *site, int fd)
{
	static const struct http_call_events call_events = {
		.on_head = on_other_head,
		.on_end = on_other_end,
	};
	struct http_client_config config = { .loop = &site->net.loop,
					     .in_fd = fd,
					     .out_fd = fd };
	struct http_header headers[4];
	struct http_request request = { .method = "GET",
					.target = "/test",
					.headers = headers };
	struct err err = ERR_INIT;

	memset(&other, 0, sizeof(other));
	buf_init(&other.got, SIZE_MAX - 1);
	request.n_headers = ws_request_headers(other.key, headers);
	other.client = http_client_new(&config, &err);
	assert_non_null(other.client);
	assert_non_null(
	    http_call_start(other.client, &request, &call_events, NULL, &err));
}

static void
other_fini(void)
{
	ws_free(TAKE(other.ws));
	http_client_free(TAKE(other.client));
	buf_fini(&other.got);
}

static void
client_and_server_understand_each_other(void **state UNUSED)
{
	AUTO_FREE char *big = xmalloc(1 << 20);
	struct site site;

	for (int i = 0; i < 1 << 20; i++)
		big[i] = (char)(i * 31 >> 3);
	one_init(&site);
	one.echoes = true;
	other_connect(&site, dup(site.net.peer));
	site.net.is_deaf = true;
	net_until(&site.net, other.ws && one.ws);
	ws_send_bytes(other.ws, big, 1 << 20);
	net_until(&site.net, other.got.len == 1 << 20);
	assert_memory_equal(buf_bytes(&other.got), big, 1 << 20);
	assert_memory_equal(buf_bytes(&one.messages), "B1048576:", 9);

	ws_close(other.ws, 3000, "done");
	net_until(&site.net, other.ws == NULL && one.n_closes == 1);
	assert_int_equal(other.code, 3000);
	assert_int_equal(one.code, 3000);
	assert_string_equal(one.reason, "done");
	other_fini();
	one_fini(&site);
}

static void
wrong_answers_to_a_client_are_refused(void **state UNUSED)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: "
		"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
	};
	struct site site;

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		int pair[2];

		one_init(&site);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		other_connect(&site, pair[0]);
		assert_int_equal(
		    send(pair[1], answers[i], strlen(answers[i]), 0),
		    strlen(answers[i]));
		net_until(&site.net, other.is_refused);
		assert_int_equal(other.err.code, ERR_PROTO);
		close(pair[1]);
		other_fini();
		one_fini(&site);
	}
}

static const char conversation[] = HANDSHAKE "\x01\x82" M "ab"
					     "\x89\x82" M "hi"
					     "\x80\x81" M "c"
					     "\x88\x82" M "\x03\xe8";

static void
connection_cut_after_any_byte_leaves_nothing_behind(void **state UNUSED)
{
	struct site site;

	for (size_t n = 0; n < sizeof(conversation); n++) {
		one_init(&site);
		one.frees = n % 2;
		net_send(&site.net, conversation, n);
		net_shut(&site.net);
		if (n % 3)
			net_close(&site.net);
		net_until(&site.net, site.net.is_ended || n % 3);
		net_close(&site.net);
		net_until(&site.net, http_server_n_conns(site.server) == 0);
		net_until(&site.net, one.ws == NULL || one.n_closes == 1);
		one_fini(&site);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_proper_request_is_accepted),
		cmocka_unit_test(messages_go_both_ways),
		cmocka_unit_test(early_frames_are_not_lost),
		cmocka_unit_test(close_of_the_peer_is_answered_once),
		cmocka_unit_test(our_close_waits_for_the_peers),
		cmocka_unit_test(close_that_is_not_answered_has_a_deadline),
		cmocka_unit_test(broken_protocol_is_closed_with_its_code),
		cmocka_unit_test(lost_connection_is_1006),
		cmocka_unit_test(paused_socket_keeps_messages_back),
		cmocka_unit_test(message_handler_may_free_the_socket),
		cmocka_unit_test(
		    pings_of_a_peer_that_never_reads_cost_no_memory),
		cmocka_unit_test(sender_is_told_to_stop),
		cmocka_unit_test(client_and_server_understand_each_other),
		cmocka_unit_test(wrong_answers_to_a_client_are_refused),
		cmocka_unit_test(
		    connection_cut_after_any_byte_leaves_nothing_behind),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
