/* SPDX-License-Identifier: ISC */

#include "link/mux_packet.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"

/* The body of the one frame in `b'. */
static const uint8_t *
body_of(const struct buf *b, size_t *ret_n)
{
	const uint8_t *body = NULL;
	size_t need;

	assert_int_equal(mux_frame(buf_bytes(b), b->len, &body, ret_n, &need),
			 1);
	assert_int_equal(need, b->len);
	return body;
}

static void
a_frame_is_cut_at_its_length(void **state)
{
	static const uint8_t bytes[] = { 0, 0, 0, 2, 'a', 'b', 'c' };
	static const uint8_t huge[] = { 0, 4, 0, 1 };
	const uint8_t *body;
	size_t n, need;

	assert_int_equal(mux_frame(bytes, 3, &body, &n, &need), 0);
	assert_int_equal(need, 4);
	assert_int_equal(mux_frame(bytes, 5, &body, &n, &need), 0);
	assert_int_equal(need, 6);
	assert_int_equal(mux_frame(bytes, 7, &body, &n, &need), 1);
	assert_int_equal(n, 2);
	assert_ptr_equal(body, bytes + 4);
	assert_int_equal(mux_frame(huge, 4, &body, &n, &need), -1);
}

static void
what_is_written_is_read_back(void **state)
{
	AUTO_BUF b = BUF_INIT(1000);
	struct err err = ERR_INIT;
	struct mux_message m;
	const uint8_t *body;
	size_t at = mux_message_begin(&b, SSH_CHANNEL_OPEN), n;

	mux_add_string(&b, "session");
	mux_add_u32(&b, 7);
	mux_add_u32(&b, 100);
	mux_add_u32(&b, 200);
	mux_frame_end(&b, at);
	body = body_of(&b, &n);
	assert_int_equal(mux_message_read(body, n, &m, &err), 0);
	assert_int_equal(m.type, SSH_CHANNEL_OPEN);
	assert_true(mux_text_is(m.text, "session"));
	assert_int_equal(m.peer, 7);
	assert_int_equal(m.window, 100);
	assert_int_equal(m.max_data, 200);
}

static void
data_carry_their_header(void **state)
{
	AUTO_BUF b = BUF_INIT(1000);
	uint8_t header[MUX_DATA_HEADER];
	struct err err = ERR_INIT;
	struct mux_message m;
	const uint8_t *body;
	size_t n;

	mux_data_header(header, 9, 5);
	buf_add(&b, header, sizeof(header));
	buf_add(&b, "hello", 5);
	body = body_of(&b, &n);
	assert_int_equal(mux_message_read(body, n, &m, &err), 0);
	assert_int_equal(m.type, SSH_CHANNEL_DATA);
	assert_int_equal(m.channel, 9);
	assert_true(mux_text_is(m.text, "hello"));
}

static void
an_exit_is_read(void **state)
{
	AUTO_BUF b = BUF_INIT(1000);
	struct err err = ERR_INIT;
	struct mux_message m;
	size_t at = mux_message_begin(&b, SSH_CHANNEL_REQUEST), n;
	const uint8_t *body;

	mux_add_u32(&b, 3);
	mux_add_string(&b, "exit-signal");
	mux_add_u8(&b, 0);
	mux_add_string(&b, "KILL");
	mux_frame_end(&b, at);
	body = body_of(&b, &n);
	assert_int_equal(mux_message_read(body, n, &m, &err), 0);
	assert_true(mux_text_is(m.signal, "KILL"));
	assert_false(m.wants_reply);
}

static void
every_cut_message_is_refused(void **state)
{
	AUTO_BUF b = BUF_INIT(1000);
	struct err err = ERR_INIT;
	struct mux_message m;
	struct mux_control c;
	const uint8_t *body;
	size_t at = mux_message_begin(&b, SSH_CHANNEL_EXTENDED_DATA), n;

	mux_add_u32(&b, 1);
	mux_add_u32(&b, SSH_EXTENDED_STDERR);
	mux_add_string(&b, "words");
	mux_frame_end(&b, at);
	body = body_of(&b, &n);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(mux_message_read(body, cut, &m, &err), -1);
	assert_err(err, ERR_PROTO, "malformed");
	buf_bytes(&b)[4] = 1;
	assert_int_equal(mux_message_read(body, n, &m, &err), -1);
	assert_int_equal(mux_control_read(body, 3, &c, &err), -1);
	assert_err(err, ERR_PROTO, "too short");
}

static void
control_messages_are_read(void **state)
{
	AUTO_BUF b = BUF_INIT(1000);
	struct err err = ERR_INIT;
	struct mux_control c;
	size_t at = mux_control_begin(&b, MUX_S_FAILURE), n;
	const uint8_t *body;

	mux_add_u32(&b, 2);
	mux_add_string(&b, "no");
	mux_frame_end(&b, at);
	body = body_of(&b, &n);
	assert_int_equal(mux_control_read(body, n, &c, &err), 0);
	assert_int_equal(c.request, 2);
	assert_true(mux_text_is(c.reason, "no"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_cut_at_its_length),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(data_carry_their_header),
		cmocka_unit_test(an_exit_is_read),
		cmocka_unit_test(every_cut_message_is_refused),
		cmocka_unit_test(control_messages_are_read),
	};

	return RUN_TESTS(tests);
}
