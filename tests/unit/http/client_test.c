/* SPDX-License-Identifier: ISC */

#include "http/client.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/stream.h"
#include "tests/unit/http/net.h"

#define OK(length, body)                                                       \
	"HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body

/* What the calls of one client have seen. */
struct seen {
	struct net net;
	struct http_client *client;
	struct http_call *call;
	struct buf body;
	unsigned status;
	int n_heads, n_ends, n_drains;
	struct err err; /* of the last end */
	bool is_inside, is_usable_at_end;
	bool pauses, frees, cancels, upgrades;
	struct stream *upgraded;
};

static void
on_head(struct http_call *call, const struct http_head *head, void *owner)
{
	struct seen *seen = owner;

	assert_false(seen->is_inside);
	assert_ptr_equal(head, http_call_head(call));
	seen->n_heads++;
	seen->status = head->status;
	if (seen->upgrades) {
		seen->upgraded = http_call_upgrade(call);
		seen->call = NULL;
		seen->client = NULL;
	}
	if (seen->cancels) {
		http_call_cancel(call);
		seen->call = NULL;
	}
}

static void
on_data(struct http_call *call, const void *bytes, size_t n, void *owner)
{
	struct seen *seen = owner;

	assert_false(seen->is_inside);
	assert_true(n > 0);
	buf_add(&seen->body, bytes, n);
	if (seen->pauses)
		http_call_pause(call);
}

static void
on_end(struct http_call *call, const struct err *err, void *owner)
{
	struct seen *seen = owner;

	assert_false(seen->is_inside);
	assert_ptr_equal(call, seen->call);
	seen->call = NULL;
	seen->n_ends++;
	seen->is_usable_at_end = http_client_usable(seen->client);
	seen->err = err ? *err : (struct err)ERR_INIT;
	if (seen->frees)
		http_client_free(TAKE(seen->client));
}

static void
on_drain(struct http_call *call, void *owner)
{
	struct seen *seen = owner;

	assert_false(seen->is_inside);
	seen->n_drains++;
}

static const struct http_call_events events = {
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
};

static void
connect_client(struct seen *seen, const char *token)
{
	struct http_client_config config = { .loop = &seen->net.loop,
					     .in_fd = seen->net.ours,
					     .out_fd = seen->net.ours,
					     .token = token };
	struct err err = ERR_INIT;

	seen->client = http_client_new(&config, &err);
	assert_non_null(seen->client);
	seen->net.ours = -1;
}

static void
seen_init(struct seen *seen)
{
	*seen = (struct seen){ .body = BUF_INIT(SIZE_MAX - 1) };
	net_init(&seen->net, SOCK_STREAM);
	connect_client(seen, NULL);
}

static void
seen_fini(struct seen *seen)
{
	http_client_free(TAKE(seen->client));
	net_fini(&seen->net);
	buf_fini(&seen->body);
}

/* The same on a new connection. */
static void
seen_again(struct seen *seen)
{
	http_client_free(TAKE(seen->client));
	net_again(&seen->net, SOCK_STREAM);
	seen->call = NULL;
	seen->n_heads = seen->n_ends = 0;
	buf_clear(&seen->body);
	connect_client(seen, NULL);
}

static void
start(struct seen *seen, const struct http_request *request)
{
	struct err err = ERR_INIT;

	seen->is_inside = true;
	seen->call = http_call_start(seen->client, request, &events, seen,
				     &err);
	seen->is_inside = false;
	assert_non_null(seen->call);
}

static void
get(struct seen *seen)
{
	start(seen, &(struct http_request){ .method = "GET", .target = "/" });
}

static void
request_says_what_was_asked(void **state UNUSED)
{
	struct http_header headers[] = { { "X-One", "1" } };
	struct http_request request = { .method = "POST",
					.target = "/a?b=c",
					.headers = headers,
					.n_headers = 1,
					.type = "text/plain",
					.body = "body",
					.body_len = 4 };
	struct seen seen;

	seen_init(&seen);
	http_client_free(TAKE(seen.client));
	net_again(&seen.net, SOCK_STREAM);
	connect_client(&seen, "sesame");
	start(&seen, &request);
	net_until(&seen.net, net_has(&seen.net, "body"));
	assert_string_equal(buf_text(&seen.net.got),
			    "POST /a?b=c HTTP/1.1\r\nHost: localhost\r\n"
			    "Authorization: Bearer sesame\r\nX-One: 1\r\n"
			    "Content-Type: text/plain\r\nContent-Length: 4\r\n"
			    "\r\nbody");
	seen_fini(&seen);
}

static void
calls_follow_each_other_on_a_connection(void **state UNUSED)
{
	static const char *const answers[] = {
		OK("4", "body"),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"4\r\nbody\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n"
		"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK("4", "body"),
	};
	struct err err = ERR_INIT;
	struct seen seen;

	seen_init(&seen);
	for (int i = 1; i <= 9; i++) {
		assert_true(http_client_usable(seen.client));
		get(&seen);
		assert_false(http_client_usable(seen.client));
		assert_null(http_call_start(
		    seen.client,
		    &(struct http_request){ .method = "GET", .target = "/" },
		    &events, &seen, &err));
		net_say(&seen.net, answers[i % 3]);
		net_until(&seen.net, seen.n_ends == i);
		assert_int_equal(seen.err.code, ERR_NONE);
		assert_int_equal(seen.n_heads, i);
		assert_int_equal(seen.status, 200);
	}
	assert_int_equal(seen.body.len, 9 * 4);
	seen_fini(&seen);
}

static void
answer_to_head_ends_with_its_head(void **state UNUSED)
{
	struct seen seen;

	seen_init(&seen);
	for (int i = 1; i <= 2; i++) {
		start(&seen, &(struct http_request){ .method = "HEAD",
						     .target = "/" });
		net_say(&seen.net, OK("4", ""));
		net_until(&seen.net, seen.n_ends == i);
	}
	start(&seen, &(struct http_request){ .method = "HEAD", .target = "/" });
	net_say(&seen.net, "HTTP/1.1 103 Early Hints\r\n\r\n" OK("4", ""));
	net_until(&seen.net, seen.n_ends == 3);
	assert_int_equal(seen.body.len, 0);
	get(&seen);
	net_say(&seen.net, OK("4", "body"));
	net_until(&seen.net, seen.n_ends == 4);
	assert_int_equal(seen.body.len, 4);
	seen_fini(&seen);
}

static void
connection_that_was_closed_is_not_usable(void **state UNUSED)
{
	struct seen seen;

	/* Said so. */
	seen_init(&seen);
	get(&seen);
	net_say(&seen.net, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
			   "Content-Length: 0\r\n\r\n");
	net_until(&seen.net, seen.n_ends == 1);
	assert_false(http_client_usable(seen.client));

	/* Just did, between calls. */
	seen_again(&seen);
	assert_true(http_client_usable(seen.client));
	net_close(&seen.net);
	net_until(&seen.net, !http_client_usable(seen.client));

	/* Says what nobody asked. */
	seen_again(&seen);
	net_say(&seen.net, OK("0", ""));
	net_until(&seen.net, !http_client_usable(seen.client));

	/* The same behind an answer. */
	seen_again(&seen);
	get(&seen);
	net_say(&seen.net, OK("0", "") OK("0", ""));
	net_until(&seen.net, seen.n_ends == 1);
	/* A call from here would take it for its answer. */
	assert_false(seen.is_usable_at_end);
	net_until(&seen.net, !http_client_usable(seen.client));
	seen_fini(&seen);
}

static void
answer_may_end_with_the_connection(void **state UNUSED)
{
	struct seen seen;

	seen_init(&seen);
	get(&seen);
	net_say(&seen.net, "HTTP/1.1 200 OK\r\n\r\nall of it");
	net_shut(&seen.net);
	net_until(&seen.net, seen.n_ends == 1);
	assert_int_equal(seen.err.code, ERR_NONE);
	assert_string_equal(buf_text(&seen.body), "all of it");
	assert_false(http_client_usable(seen.client));
	seen_fini(&seen);
}

static void
malformed_answer_ends_the_call(void **state UNUSED)
{
	static const char *const bad[] = {
		"SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
		"Connection: upgrade\r\n\r\n",
	};
	struct seen seen;

	seen_init(&seen);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		seen_again(&seen);
		get(&seen);
		net_say(&seen.net, bad[i]);
		net_until(&seen.net, seen.n_ends == 1);
		assert_int_equal(seen.err.code, ERR_PROTO);
		assert_false(http_client_usable(seen.client));
	}
	seen_fini(&seen);
}

static void
missing_answer_ends_the_call_in_time(void **state UNUSED)
{
	struct http_request request = { .method = "GET",
					.target = "/",
					.timeout_ms = 20 };
	struct seen seen;

	seen_init(&seen);
	start(&seen, &request);
	net_say(&seen.net, "HTTP/1.1 200 O");
	net_until(&seen.net, seen.n_ends == 1);
	assert_err(seen.err, ERR_TIMEOUT, "in time");

	/* The deadline is for the head only. */
	seen_again(&seen);
	start(&seen, &request);
	net_say(&seen.net, OK("4", "bo"));
	net_until(&seen.net, seen.n_heads == 1);
	for (uint64_t over = clock_mono_ms() + 40; clock_mono_ms() < over;)
		net_turn(&seen.net);
	assert_int_equal(seen.n_ends, 0);
	net_say(&seen.net, "dy");
	net_until(&seen.net, seen.n_ends == 1);
	assert_int_equal(seen.err.code, ERR_NONE);
	seen_fini(&seen);
}

static void
streamed_body_is_sent_with_back_pressure(void **state UNUSED)
{
	AUTO_FREE char *piece = xcalloc(1, 50000);
	struct http_request request = { .method = "POST",
					.target = "/",
					.stream_body = true };
	struct seen seen;
	int n = 0;

	seen_init(&seen);
	seen.net.is_deaf = true;
	start(&seen, &request);
	seen.is_inside = true;
	while (!http_call_write(seen.call, piece, 50000))
		assert_true(++n < 100);
	seen.is_inside = false;
	net_idle(&seen.net);
	assert_int_equal(seen.n_drains, 0);
	seen.net.is_deaf = false;
	net_until(&seen.net, seen.n_drains == 1);
	assert_false(http_call_write(seen.call, "", 0));
	http_call_write(seen.call, "end", 3);
	http_call_write_end(seen.call);
	net_until(&seen.net, net_has(&seen.net, "\r\n3\r\nend\r\n0\r\n\r\n"));
	assert_true(net_has(&seen.net, "Transfer-Encoding: chunked\r\n\r\n"
				       "c350\r\n"));
	net_say(&seen.net, OK("0", ""));
	net_until(&seen.net, seen.n_ends == 1);
	assert_true(http_client_usable(seen.client));
	seen_fini(&seen);
}

static void
piece_of_a_file_is_one_chunk(void **state UNUSED)
{
	struct http_request request = { .method = "PUT",
					.target = "/",
					.stream_body = true };
	AUTO_CLOSE int fd = memfd_create("file", MFD_CLOEXEC);
	struct seen seen;

	assert_int_equal(write(fd, "not these, but these", 20), 20);
	seen_init(&seen);
	start(&seen, &request);
	assert_false(http_call_write_file(seen.call, fd, 0, 0));
	assert_false(http_call_write_file(seen.call, fd, 11, 9));
	http_call_write(seen.call, "end", 3);
	http_call_write_end(seen.call);
	net_until(&seen.net, net_has(&seen.net, "\r\n\r\n9\r\nbut these\r\n"
						"3\r\nend\r\n0\r\n\r\n"));
	net_say(&seen.net, OK("0", ""));
	net_until(&seen.net, seen.n_ends == 1);
	assert_true(http_client_usable(seen.client));
	seen_fini(&seen);
}

static void
file_that_shrinks_breaks_the_connection(void **state UNUSED)
{
	struct http_request request = { .method = "PUT",
					.target = "/",
					.stream_body = true };
	AUTO_CLOSE int fd = memfd_create("file", MFD_CLOEXEC);
	struct seen seen;

	assert_int_equal(ftruncate(fd, 100), 0);
	seen_init(&seen);
	start(&seen, &request);
	(void)http_call_write_file(seen.call, fd, 0, 101);
	net_until(&seen.net, seen.n_ends == 1);
	assert_int_not_equal(seen.err.code, ERR_NONE);
	assert_false(http_client_usable(seen.client));
	seen_fini(&seen);
}

static void
early_answer_ends_a_streamed_call(void **state UNUSED)
{
	struct http_request request = { .method = "POST",
					.target = "/",
					.stream_body = true };
	struct seen seen;

	seen_init(&seen);
	start(&seen, &request);
	http_call_write(seen.call, "x", 1);
	net_say(&seen.net, "HTTP/1.1 413 Payload Too Large\r\n"
			   "Content-Length: 4\r\n\r\nmuch");
	net_until(&seen.net, seen.n_ends == 1);
	assert_int_equal(seen.err.code, ERR_NONE);
	assert_int_equal(seen.status, 413);
	assert_false(http_client_usable(seen.client));
	seen_fini(&seen);
}

static void
answer_survives_a_server_that_closes_before_the_body(void **state UNUSED)
{
	AUTO_FREE char *body = xcalloc(1, 4 << 20);
	struct http_request request = { .method = "POST",
					.target = "/",
					.body = body,
					.body_len = 4 << 20 };
	struct seen seen;

	seen_init(&seen);
	seen.net.is_deaf = true;
	start(&seen, &request);
	net_idle(&seen.net);
	net_say(&seen.net, "HTTP/1.1 413 Payload Too Large\r\n"
			   "Content-Length: 4\r\n\r\nmuch");
	/* Sent in the same turn in which the connection goes. */
	assert_true(send(seen.net.peer, buf_bytes(&seen.net.out),
			 seen.net.out.len, 0) > 0);
	buf_clear(&seen.net.out);
	net_close(&seen.net);
	net_until(&seen.net, seen.n_ends == 1);
	assert_int_equal(seen.status, 413);
	assert_int_equal(seen.err.code, ERR_NONE);
	assert_string_equal(buf_text(&seen.body), "much");
	seen_fini(&seen);
}

static void
paused_call_slows_the_server_down(void **state UNUSED)
{
	AUTO_FREE char *block = xcalloc(1, 4 << 20);
	struct seen seen;
	size_t left;

	seen_init(&seen);
	seen.pauses = true;
	get(&seen);
	net_say(&seen.net, OK("4194304", ""));
	net_send(&seen.net, block, 4 << 20);
	net_until(&seen.net, seen.body.len > 0);
	net_idle(&seen.net);
	left = seen.net.out.len;
	assert_true(left > 1 << 20);
	net_idle(&seen.net);
	assert_int_equal(seen.net.out.len, left);
	assert_true(net_is_quiet(&seen.net));

	seen.pauses = false;
	seen.is_inside = true;
	http_call_resume(seen.call);
	seen.is_inside = false;
	net_until(&seen.net, seen.n_ends == 1);
	assert_int_equal(seen.body.len, 4 << 20);
	assert_true(http_client_usable(seen.client));
	seen_fini(&seen);
}

static void
cancelled_call_is_never_heard_of_again(void **state UNUSED)
{
	struct seen seen;

	seen_init(&seen);
	get(&seen);
	http_call_cancel(TAKE(seen.call));
	net_say(&seen.net, OK("4", "body"));
	net_until(&seen.net, seen.net.is_ended);
	assert_int_equal(seen.n_heads + seen.n_ends, 0);
	assert_false(http_client_usable(seen.client));

	seen_again(&seen);
	seen.cancels = true;
	get(&seen);
	net_say(&seen.net, OK("4", "body"));
	net_until(&seen.net, seen.net.is_ended);
	assert_int_equal(seen.n_heads, 1);
	assert_int_equal(seen.n_ends, 0);
	assert_int_equal(seen.body.len, 0);
	seen_fini(&seen);
}

static void
client_may_be_freed_by_the_end_of_a_call(void **state UNUSED)
{
	struct seen seen;

	seen_init(&seen);
	seen.frees = true;
	get(&seen);
	net_say(&seen.net, OK("4", "body"));
	net_until(&seen.net, seen.client == NULL);
	net_until(&seen.net, seen.net.is_ended);
	seen_fini(&seen);
}

static void
free_silences_a_call(void **state UNUSED)
{
	struct seen seen;

	seen_init(&seen);
	get(&seen);
	http_client_free(TAKE(seen.client));
	net_say(&seen.net, OK("4", "body"));
	net_idle(&seen.net);
	assert_int_equal(seen.n_ends, 0);
	seen_fini(&seen);
}

static void
upgrade_hands_over_what_came_early(void **state UNUSED)
{
	struct seen seen;
	int in, out;
	char room[16];

	seen_init(&seen);
	seen.upgrades = true;
	get(&seen);
	net_say(&seen.net, "HTTP/1.1 101 Switching Protocols\r\n"
			   "Upgrade: x\r\nConnection: upgrade\r\n\r\nearly");
	net_until(&seen.net, seen.upgraded);
	assert_int_equal(seen.n_ends, 0);
	/* Somebody else's bytes now. */
	stream_write(seen.upgraded, "hi", 2);
	net_until(&seen.net, net_has(&seen.net, "\r\n\r\nhi"));
	stream_detach(seen.upgraded, &in, &out);
	assert_int_equal(in, out);
	assert_int_equal(recv(in, room, sizeof(room), MSG_DONTWAIT), -1);
	close(in);
	seen_fini(&seen);
}

static void
request_cannot_break_out_of_its_line(void **state UNUSED)
{
	struct http_header bad = { "X", "a\r\nY: b" };
	const struct http_request requests[] = {
		{ .method = "GET", .target = "/a b" },
		{ .method = "GET", .target = "/\n" },
		{ .method = "GET /", .target = "/" },
		{ .method = "GET", .target = "/", .type = "a\rb" },
		{ .method = "GET",
		  .target = "/",
		  .headers = &bad,
		  .n_headers = 1 },
	};
	struct err err = ERR_INIT;
	struct seen seen;

	seen_init(&seen);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		assert_null(http_call_start(seen.client, &requests[i], &events,
					    &seen, &err));
		assert_err(err, ERR_INVALID, "control character");
	}
	assert_true(http_client_usable(seen.client));
	net_idle(&seen.net);
	assert_int_equal(seen.net.got.len, 0);
	seen_fini(&seen);
}

static void
useless_descriptor_is_refused(void **state UNUSED)
{
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct http_client_config config = { .in_fd = null, .out_fd = null };
	struct err err = ERR_INIT;
	struct net net;

	net_init(&net, SOCK_STREAM);
	config.loop = &net.loop;
	assert_null(http_client_new(&config, &err));
	assert_err(err, ERR_UNSUPPORTED, "");
	net_fini(&net);
}

static const char *const answers[] = {
	OK("4", "body"),
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
	"Transfer-Encoding: chunked\r\n\r\n4;x=y\r\nbody\r\n0\r\nT: 1\r\n\r\n",
};

static void
answer_cut_after_any_byte_ends_the_call_once(void **state UNUSED)
{
	struct seen seen;

	seen_init(&seen);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		size_t n = strlen(answers[i]);

		for (size_t cut = 0; cut <= n; cut++) {
			seen_again(&seen);
			get(&seen);
			net_send(&seen.net, answers[i], cut);
			net_shut(&seen.net);
			if (cut % 2)
				net_close(&seen.net);
			net_until(&seen.net, seen.n_ends == 1);
			net_idle(&seen.net);
			assert_int_equal(seen.n_ends, 1);
			assert_int_equal(seen.err.code,
					 cut == n ? ERR_NONE : ERR_UNREACHABLE);
			assert_false(http_client_usable(seen.client) &&
				     cut < n);
		}
	}
	seen_fini(&seen);
}

static void
answer_byte_by_byte_is_the_same_answer(void **state UNUSED)
{
	struct seen seen;

	seen_init(&seen);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		buf_clear(&seen.body);
		get(&seen);
		for (const char *p = answers[i]; *p != '\0'; p++) {
			net_send(&seen.net, p, 1);
			net_turn(&seen.net);
		}
		net_until(&seen.net, seen.n_ends == (int)i + 1);
		assert_string_equal(buf_text(&seen.body), "body");
	}
	seen_fini(&seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_says_what_was_asked),
		cmocka_unit_test(calls_follow_each_other_on_a_connection),
		cmocka_unit_test(answer_to_head_ends_with_its_head),
		cmocka_unit_test(connection_that_was_closed_is_not_usable),
		cmocka_unit_test(answer_may_end_with_the_connection),
		cmocka_unit_test(malformed_answer_ends_the_call),
		cmocka_unit_test(missing_answer_ends_the_call_in_time),
		cmocka_unit_test(streamed_body_is_sent_with_back_pressure),
		cmocka_unit_test(piece_of_a_file_is_one_chunk),
		cmocka_unit_test(file_that_shrinks_breaks_the_connection),
		cmocka_unit_test(early_answer_ends_a_streamed_call),
		cmocka_unit_test(
		    answer_survives_a_server_that_closes_before_the_body),
		cmocka_unit_test(paused_call_slows_the_server_down),
		cmocka_unit_test(cancelled_call_is_never_heard_of_again),
		cmocka_unit_test(client_may_be_freed_by_the_end_of_a_call),
		cmocka_unit_test(free_silences_a_call),
		cmocka_unit_test(upgrade_hands_over_what_came_early),
		cmocka_unit_test(request_cannot_break_out_of_its_line),
		cmocka_unit_test(useless_descriptor_is_refused),
		cmocka_unit_test(answer_cut_after_any_byte_ends_the_call_once),
		cmocka_unit_test(answer_byte_by_byte_is_the_same_answer),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
