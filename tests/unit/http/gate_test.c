/* SPDX-License-Identifier: ISC */

#include "http/gate.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"

static size_t
pass(struct gate *gate, enum gate_kind kind, const char *text, size_t n)
{
	gate_init(gate, kind);
	return gate_pass(gate, (const uint8_t *)text, n);
}

static void
head_ends_at_its_empty_line(void **state UNUSED)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\nbody";
	struct gate gate;

	assert_int_equal(pass(&gate, GATE_REQUEST, text, strlen(text)),
			 strlen(text) - 4);
	assert_int_equal(gate.state, GATE_DONE);
	assert_int_equal(gate.n_headers, 1);
}

static void
head_in_two_parts_is_the_same_head(void **state UNUSED)
{
	static const char text[] =
	    "\r\nPATCH /a?b=c%20 HTTP/1.0\r\nA-b_c: \t d e"
	    "\xc3\xa9\t\r\nX:\r\n\r\n";
	size_t n = strlen(text);

	for (size_t i = 0; i <= n; i++) {
		struct gate gate;
		size_t first = pass(&gate, GATE_REQUEST, text, i);

		assert_int_equal(first, i);
		assert_int_equal(
		    gate_pass(&gate, (const uint8_t *)text + i, n - i), n - i);
		assert_int_equal(gate.state, GATE_DONE);
		assert_int_equal(gate.n_headers, 2);
	}
}

static const struct {
	enum gate_kind kind;
	unsigned status;
	const char *text;
} bad_heads[] = {
	{ GATE_REQUEST, 400, "\r\n\r\n" },
	{ GATE_REQUEST, 400, "\n" },
	{ GATE_REQUEST, 400, " GET / HTTP/1.1\r\n" },
	{ GATE_REQUEST, 400, "\x16\x03\x01\x02" },
	{ GATE_REQUEST, 400, "G(T / HTTP/1.1\r\n" },
	{ GATE_REQUEST, 400, "ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\n" },
	{ GATE_REQUEST, 400, "GET  / HTTP/1.1\r\n" },
	{ GATE_REQUEST, 400, "GET\t/ HTTP/1.1\r\n" },
	{ GATE_REQUEST, 400, "GET /\r\n" },
	{ GATE_REQUEST, 400, "GET /a#b HTTP/1.1\r\n" },
	{ GATE_REQUEST, 400, "GET /\x7f HTTP/1.1\r\n" },
	{ GATE_REQUEST, 400, "GET /\xc3\xa9 HTTP/1.1\r\n" },
	{ GATE_REQUEST, 400, "GET /  HTTP/1.1\r\n" },
	{ GATE_REQUEST, 400, "GET / http/1.1\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1 \r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\rX" },
	{ GATE_REQUEST, 400, "GET / HTTP/11\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/x.1\r\n" },
	{ GATE_REQUEST, 505, "GET / HTTP/9.9\r\n" },
	{ GATE_REQUEST, 505, "GET / HTTP/2.0\r\n" },
	{ GATE_REQUEST, 505, "GET / HTTP/1.2\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\n\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\n\rX" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\n A: b\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\nA: b\r\n c\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\nA : b\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\nA\x01: b\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\n: b\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\nA\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\nA: b\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\nA: b\rc\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\nA: b\x7f\r\n" },
	{ GATE_REQUEST, 400, "GET / HTTP/1.1\r\nA: b\x1b[m\r\n" },
	{ GATE_RESPONSE, 400, "ICY 200 OK\r\n" },
	{ GATE_RESPONSE, 400, "HTTP/2.0 200 OK\r\n" },
	{ GATE_RESPONSE, 400, "HTTP/1.2 200 OK\r\n" },
	{ GATE_RESPONSE, 400, "HTTP/1.1  200 OK\r\n" },
	{ GATE_RESPONSE, 400, "HTTP/1.1 20 OK\r\n" },
	{ GATE_RESPONSE, 400, "HTTP/1.1 2000 OK\r\n" },
	{ GATE_RESPONSE, 400, "HTTP/1.1 200 O\x01K\r\n" },
	{ GATE_RESPONSE, 400, "HTTP/1.1 200 OK\n" },
	{ GATE_RESPONSE, 400, "\r\nHTTP/1.1 200 OK\r\n" },
	{ GATE_TRAILERS, 400, "A b: c\r\n" },
	{ GATE_TRAILERS, 400, "\n" },
};

static void
wrong_byte_ends_the_matter(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_heads); i++) {
		const char *text = bad_heads[i].text;
		struct gate gate;

		pass(&gate, bad_heads[i].kind, text, strlen(text));
		if (gate.state != GATE_BAD ||
		    gate.status != bad_heads[i].status)
			fail_msg("state %d status %u for: %s", gate.state,
				 gate.status, text);
		assert_non_null(gate.why);
	}
}

static void
nul_is_refused_everywhere(void **state UNUSED)
{
	static const char text[] = "GET /a HTTP/1.1\r\nName: value\r\n\r\n";

	for (size_t i = 0; i < strlen(text); i++) {
		char copy[sizeof(text)];
		struct gate gate;

		memcpy(copy, text, sizeof(text));
		copy[i] = '\0';
		pass(&gate, GATE_REQUEST, copy, strlen(text));
		assert_int_equal(gate.state, GATE_BAD);
		assert_int_equal(gate.status, 400);
	}
}

/* A head whose last header makes it `n' bytes long. */
static void
add_head_of(struct buf *out, size_t n)
{
	buf_adds(out, "GET / HTTP/1.1\r\nA: ");
	while (out->len < n - 4)
		buf_addc(out, 'a');
	buf_adds(out, "\r\n\r\n");
}

static void
limits_are_exact(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1 << 20);
	struct gate gate;

	add_head_of(&text, GATE_MAX_HEAD - 1);
	pass(&gate, GATE_REQUEST, buf_text(&text), text.len);
	assert_int_equal(gate.state, GATE_DONE);

	buf_clear(&text);
	add_head_of(&text, GATE_MAX_HEAD + 1);
	pass(&gate, GATE_REQUEST, buf_text(&text), text.len);
	assert_int_equal(gate.state, GATE_BAD);
	assert_int_equal(gate.status, 431);

	for (size_t n = GATE_MAX_TARGET; n <= GATE_MAX_TARGET + 1; n++) {
		buf_clear(&text);
		buf_adds(&text, "GET /");
		while (text.len < 4 + n)
			buf_addc(&text, 'a');
		buf_adds(&text, " HTTP/1.1\r\n\r\n");
		pass(&gate, GATE_REQUEST, buf_text(&text), text.len);
		assert_int_equal(gate.state,
				 n == GATE_MAX_TARGET ? GATE_DONE : GATE_BAD);
	}
	assert_int_equal(gate.status, 414);

	for (size_t n = GATE_MAX_HEADERS; n <= GATE_MAX_HEADERS + 1; n++) {
		buf_clear(&text);
		buf_adds(&text, "GET / HTTP/1.1\r\n");
		for (size_t i = 0; i < n; i++)
			buf_adds(&text, "A: b\r\n");
		buf_adds(&text, "\r\n");
		pass(&gate, GATE_REQUEST, buf_text(&text), text.len);
		assert_int_equal(gate.state,
				 n == GATE_MAX_HEADERS ? GATE_DONE : GATE_BAD);
	}
	assert_int_equal(gate.status, 431);
}

static void
trailers_are_few(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT(1 << 20);
	struct gate gate;

	while (text.len <= GATE_MAX_TRAILERS)
		buf_adds(&text, "A: b\r\n");
	gate_init(&gate, GATE_TRAILERS);
	gate_pass(&gate, buf_bytes(&text), text.len);
	assert_int_equal(gate.state, GATE_BAD);

	pass(&gate, GATE_TRAILERS, "A: b\r\n\r\n", 8);
	assert_int_equal(gate.state, GATE_DONE);
}

static void
classes_agree_with_the_rfc(void **state UNUSED)
{
	for (unsigned c = 0; c < 256; c++) {
		bool is_alnum = (c >= '0' && c <= '9') ||
				(c >= 'A' && c <= 'Z') ||
				(c >= 'a' && c <= 'z');
		bool is_token = is_alnum ||
				(c > 0 && strchr("!#$%&'*+-.^_`|~", (int)c));
		bool is_text = c == '\t' || (c >= ' ' && c != 0x7f);
		bool is_target = c > ' ' && c < 0x7f && c != '#';
		bool is_host = is_alnum ||
			       (c > 0 && strchr("-._~%!$&'()*+;=:[]", (int)c));

		assert_int_equal(gate_byte_is((uint8_t)c, GATE_IN_TOKEN),
				 is_token);
		assert_int_equal(gate_byte_is((uint8_t)c, GATE_IN_TEXT),
				 is_text);
		assert_int_equal(gate_byte_is((uint8_t)c, GATE_IN_TARGET),
				 is_target);
		assert_int_equal(gate_byte_is((uint8_t)c, GATE_IN_HOST),
				 is_host);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_ends_at_its_empty_line),
		cmocka_unit_test(head_in_two_parts_is_the_same_head),
		cmocka_unit_test(wrong_byte_ends_the_matter),
		cmocka_unit_test(nul_is_refused_everywhere),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(trailers_are_few),
		cmocka_unit_test(classes_agree_with_the_rfc),
	};

	return RUN_TESTS(tests);
}
