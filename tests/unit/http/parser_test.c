/* SPDX-License-Identifier: ISC */

#include "http/parser.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define HOST "Host: x\r\n"

/* All of a message, gathered. */
struct message {
	struct parser parser;
	struct buf body;
	bool is_headed, is_ended, is_bad;
	size_t rest; /* bytes that were left over */
};

static void
message_init(struct message *m, enum parser_kind kind)
{
	*m = (struct message){ .body = BUF_INIT(1 << 20) };
	parser_init(&m->parser, kind);
}

static void
message_fini(struct message *m)
{
	parser_fini(&m->parser);
	buf_fini(&m->body);
}

static void
feed(struct message *m, const char *text, size_t n)
{
	const uint8_t *bytes = (const uint8_t *)text, *data = NULL;
	size_t n_data = 0;

	while (!m->is_ended && !m->is_bad) {
		switch (parser_next(&m->parser, &bytes, &n, &data, &n_data)) {
		case PARSER_HEAD:
			assert_false(m->is_headed);
			m->is_headed = true;
			break;
		case PARSER_DATA:
			assert_true(m->is_headed);
			assert_true(n_data > 0);
			buf_add(&m->body, data, n_data);
			break;
		case PARSER_END:
			m->is_ended = true;
			break;
		case PARSER_BAD:
			m->is_bad = true;
			assert_non_null(m->parser.why);
			break;
		default:
			assert_int_equal(n, 0);
			return;
		}
	}
	m->rest = n;
}

static void
feed_all(struct message *m, enum parser_kind kind, const char *text)
{
	message_init(m, kind);
	feed(m, text, strlen(text));
}

static void
request_is_taken_apart(void **state UNUSED)
{
	struct message m;
	const struct http_head *head = &m.parser.head;

	feed_all(&m, PARSER_REQUEST,
		 "\r\nGET /a%20b/c?x=1&y HTTP/1.1\r\n" HOST
		 "A:\r\nB: \t two words \t \r\nb:3\r\n\r\nGET /next");
	assert_true(m.is_headed && m.is_ended);
	assert_int_equal(m.rest, strlen("GET /next"));
	assert_string_equal(head->method, "GET");
	assert_string_equal(head->target, "/a%20b/c?x=1&y");
	assert_string_equal(head->path, "/a b/c");
	assert_string_equal(head->query, "x=1&y");
	assert_int_equal(head->n_headers, 4);
	assert_string_equal(http_head_find(head, "A"), "");
	assert_string_equal(head->headers[2].value, "two words");
	assert_string_equal(head->headers[3].value, "3");
	assert_true(head->keep_alive);
	assert_false(parser_has_body(&m.parser));
	message_fini(&m);
}

static void
assert_keep_alive(const char *text, bool expected)
{
	struct message m;

	feed_all(&m, PARSER_REQUEST, text);
	assert_true(m.is_headed);
	assert_int_equal(m.parser.head.keep_alive, expected);
	message_fini(&m);
}

static void
connection_header_decides_about_the_next_request(void **state UNUSED)
{
	assert_keep_alive("GET / HTTP/1.1\r\n" HOST "\r\n", true);
	assert_keep_alive("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
			  false);
	assert_keep_alive(
	    "GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n", false);
	assert_keep_alive("GET / HTTP/1.0\r\n\r\n", false);
	assert_keep_alive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
			  false);
}

static const struct {
	unsigned status;
	const char *text;
} bad_requests[] = {
	{ 400, "GET / HTTP/1.1\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n" },
	{ 400, "GET / HTTP/1.0\r\n" HOST HOST "\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n" },
	{ 400, "GET http://x/ HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "GET * HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "GET a HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "GET /% HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "GET /%00 HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "GET /%0a HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "GET /?a=%f HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "GET /?a=%00 HTTP/1.1\r\n" HOST "\r\n" },
	{ 404, "GET /../../etc/passwd HTTP/1.1\r\n" HOST "\r\n" },
	{ 404, "GET /a/./b HTTP/1.1\r\n" HOST "\r\n" },
	{ 404, "GET /a/.. HTTP/1.1\r\n" HOST "\r\n" },
	{ 404, "GET /%2e%2E/etc/passwd HTTP/1.1\r\n" HOST "\r\n" },
	{ 404, "GET /..%2fetc%2fpasswd HTTP/1.1\r\n" HOST "\r\n" },
	{ 404, "GET /%2f.%2e/ HTTP/1.1\r\n" HOST "\r\n" },
	{ 501, "BREW / HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
	       "Content-Length: 6\r\n\r\nabcde" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
	       "content-length: 5\r\n\r\nabcde" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nabcde" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5 5\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST
	       "Content-Length: 9223372036854775808\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST
	       "Content-Length: 99999999999999999999999\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
	       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
	{ 400,
	  "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: chunked, chunked\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: gzip, chunked\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
	       "Transfer-Encoding: chunked\r\n\r\n" },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n" },
	{ 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" },
};

static void
malformed_request_is_told_from_the_others(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_requests); i++) {
		struct message m;

		feed_all(&m, PARSER_REQUEST, bad_requests[i].text);
		if (!m.is_bad || m.is_headed ||
		    m.parser.status != bad_requests[i].status)
			fail_msg("bad %d headed %d status %u: %s", m.is_bad,
				 m.is_headed, m.parser.status,
				 bad_requests[i].text);
		message_fini(&m);
	}
}

#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

static const char *const bad_chunks[] = {
	"\r\n",
	"-1\r\nabc",
	"+1\r\na\r\n",
	" 1\r\na\r\n",
	"1 \r\na\r\n",
	"x\r\n",
	"0x1\r\n",
	"fffffffffffffffff\r\nabc",
	"8000000000000000\r\nabc",
	"0000000000000001\r\na\r\n",
	"1\na\r\n",
	"1\rXa\r\n",
	"1;a\nb\r\na\r\n",
	"1;a\x01\r\na\r\n",
	"1\r\nab\r\n",
	"1\r\na\n0\r\n\r\n",
	"1\r\na\rX",
	"1\r\na0\r\n\r\n",
	"0\r\nA b: c\r\n\r\n",
	"0\r\nA: b\r\n c\r\n\r\n",
	"0\r\n\n",
	"0\r\n\rX",
};

static void
malformed_chunks_are_bad(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_chunks); i++) {
		struct message m;

		message_init(&m, PARSER_REQUEST);
		feed(&m, CHUNKED, strlen(CHUNKED));
		assert_true(m.is_headed && parser_has_body(&m.parser));
		feed(&m, bad_chunks[i], strlen(bad_chunks[i]));
		if (!m.is_bad || m.parser.status != 400)
			fail_msg("not bad: %s", bad_chunks[i]);
		message_fini(&m);
	}
}

static void
extension_and_trailers_are_bounded(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1 << 20);
	struct message m;

	buf_adds(&text, CHUNKED "1;");
	for (int i = 0; i < 1000; i++)
		buf_addc(&text, 'x');
	feed_all(&m, PARSER_REQUEST, buf_text(&text));
	assert_true(m.is_bad);
	message_fini(&m);

	buf_clear(&text);
	buf_adds(&text, CHUNKED "0\r\n");
	while (text.len < 8000)
		buf_adds(&text, "A: b\r\n");
	feed_all(&m, PARSER_REQUEST, buf_text(&text));
	assert_true(m.is_bad);
	assert_int_equal(m.parser.status, 431);
	message_fini(&m);
}

static const struct {
	enum parser_kind kind;
	const char *text, *body;
} good[] = {
	{ PARSER_REQUEST, "GET / HTTP/1.1\r\n" HOST "\r\n", "" },
	{ PARSER_REQUEST,
	  "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "" },
	{ PARSER_REQUEST,
	  "POST / HTTP/1.1\r\n" HOST "Content-Length: 007\r\n\r\n1234567",
	  "1234567" },
	{ PARSER_REQUEST, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "" },
	{ PARSER_REQUEST, CHUNKED "0\r\n\r\n", "" },
	{ PARSER_REQUEST,
	  CHUNKED
	  "1\r\na\r\n00A;name=\"v\"\r\nbcdefghijk\r\n0;x\r\nT: 1\r\n\r\n",
	  "abcdefghijk" },
	{ PARSER_RESPONSE, "HTTP/1.1 204 No Content\r\n\r\n", "" },
	{ PARSER_RESPONSE, "HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n", "" },
	{ PARSER_RESPONSE, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
	  "ok" },
	{ PARSER_RESPONSE, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
	  "ok" },
	{ PARSER_RESPONSE,
	  "HTTP/1.1 200 a \xe9 b\r\nTransfer-Encoding: Chunked\r\n\r\n"
	  "2\r\nok\r\n0\r\n\r\n",
	  "ok" },
	{ PARSER_RESPONSE,
	  "HTTP/1.1 101 Switching Protocols\r\n"
	  "Upgrade: x\r\nConnection: upgrade\r\n\r\n",
	  "" },
};

static void
message_in_two_parts_is_the_same_message(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		size_t n = strlen(good[i].text);

		for (size_t cut = 0; cut <= n; cut++) {
			struct message m;

			message_init(&m, good[i].kind);
			feed(&m, good[i].text, cut);
			assert_int_equal(m.is_ended, cut == n);
			feed(&m, good[i].text + cut, n - cut);
			assert_true(m.is_headed && m.is_ended);
			assert_int_equal(m.rest, 0);
			assert_string_equal(buf_text(&m.body), good[i].body);
			message_fini(&m);
		}
	}
}

static void
messages_follow_each_other(void **state UNUSED)
{
	struct message m;

	message_init(&m, PARSER_REQUEST);
	for (int i = 0; i < 3; i++) {
		assert_false(parser_is_started(&m.parser));
		m.is_headed = m.is_ended = false;
		feed(&m, good[5].text, strlen(good[5].text));
		assert_true(m.is_ended);
		assert_true(parser_is_started(&m.parser));
		parser_reset(&m.parser);
	}
	message_fini(&m);
}

static void
answer_to_head_has_no_body(void **state UNUSED)
{
	struct message m;

	message_init(&m, PARSER_RESPONSE);
	m.parser.has_no_body = true;
	feed(&m, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 39);
	assert_true(m.is_ended);
	assert_true(m.parser.head.keep_alive);
	message_fini(&m);
}

static void
end_of_the_connection_can_end_an_answer(void **state UNUSED)
{
	struct message m;

	feed_all(&m, PARSER_RESPONSE, "HTTP/1.1 200 OK\r\n\r\nany");
	assert_false(m.is_ended);
	assert_false(m.parser.head.keep_alive);
	assert_string_equal(buf_text(&m.body), "any");
	assert_int_equal(parser_finish(&m.parser), PARSER_END);
	message_fini(&m);

	feed_all(&m, PARSER_RESPONSE,
		 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nany");
	assert_int_equal(parser_finish(&m.parser), PARSER_BAD);
	message_fini(&m);

	feed_all(&m, PARSER_RESPONSE, "HTTP/1.1 200 OK\r\n");
	assert_int_equal(parser_finish(&m.parser), PARSER_BAD);
	message_fini(&m);
}

static void
answers_that_leave_a_choice_are_bad(void **state UNUSED)
{
	static const char *const bad[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		"Content-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct message m;

		feed_all(&m, PARSER_RESPONSE, bad[i]);
		assert_true(m.is_bad);
		message_fini(&m);
	}
}

static void
reasons_are_known(void **state UNUSED)
{
	assert_string_equal(parser_reason(404), "Not Found");
	assert_string_equal(parser_reason(421), "Misdirected Request");
	assert_non_null(parser_reason(599));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_is_taken_apart),
		cmocka_unit_test(
		    connection_header_decides_about_the_next_request),
		cmocka_unit_test(malformed_request_is_told_from_the_others),
		cmocka_unit_test(malformed_chunks_are_bad),
		cmocka_unit_test(extension_and_trailers_are_bounded),
		cmocka_unit_test(message_in_two_parts_is_the_same_message),
		cmocka_unit_test(messages_follow_each_other),
		cmocka_unit_test(answer_to_head_has_no_body),
		cmocka_unit_test(end_of_the_connection_can_end_an_answer),
		cmocka_unit_test(answers_that_leave_a_choice_are_bad),
		cmocka_unit_test(reasons_are_known),
	};

	return RUN_TESTS(tests);
}
