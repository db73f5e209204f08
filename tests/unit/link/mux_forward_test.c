/* SPDX-License-Identifier: ISC */

/*
 * What is said to a master that is asked to forward, and what its answers mean,
 * however they come.  That OpenSSH takes it so is in transport_suite.c.
 */

#include "link/mux_forward.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "link/mux_packet.h"

struct rig {
	struct uv_loop_s loop;
	struct mux_forward *forward;
	int peer;
	int n_done;
	struct err err;
};

static void
on_done(const struct err *err, void *owner)
{
	struct rig *rig = owner;

	rig->forward = NULL;
	rig->n_done++;
	rig->err = err ? *err : (struct err)ERR_INIT;
}

static void
rig_init(struct rig *rig)
{
	struct err err = ERR_INIT;
	int fds[2];

	*rig = (struct rig){ .err = ERR_INIT };
	uv_loop_init(&rig->loop);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	rig->peer = fds[1];
	rig->forward = mux_forward_start(&rig->loop, fds[0], "/here", "/there",
					 on_done, rig, &err);
	assert_non_null(rig->forward);
	assert_int_equal(rig->n_done, 0);
}

static void
rig_fini(struct rig *rig)
{
	mux_forward_free(rig->forward);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
	fd_close(&rig->peer);
}

static void
say(struct rig *rig, const void *bytes, size_t n)
{
	assert_int_equal(write(rig->peer, bytes, n), (ssize_t)n);
	for (int i = 0; i < 3; i++)
		uv_run(&rig->loop, UV_RUN_NOWAIT);
}

static void
add_hello(struct buf *out)
{
	size_t at = mux_control_begin(out, MUX_HELLO);

	mux_add_u32(out, MUX_VERSION);
	mux_frame_end(out, at);
}

static void
add_answer(struct buf *out, uint32_t type, uint32_t request, const char *why)
{
	size_t at = mux_control_begin(out, type);

	mux_add_u32(out, request);
	if (why)
		mux_add_string(out, why);
	mux_frame_end(out, at);
}

static void
the_request_is_that_of_ssh(void **state UNUSED)
{
	static const uint8_t wanted[] = {
		0,   0,	  0,   8,   0,	  0,	0,    1,    0,	  0,	0,
		4,   0,	  0,   0,   39,	  0x10, 0,    0,    6,	  0,	0,
		0,   1,	  0,   0,   0,	  1,	0,    0,    0,	  5,	'/',
		'h', 'e', 'r', 'e', 0xff, 0xff, 0xff, 0xfe, 0,	  0,	0,
		6,   '/', 't', 'h', 'e',  'r',	'e',  0xff, 0xff, 0xff, 0xfe,
	};
	uint8_t said[100];
	struct rig rig;

	rig_init(&rig);
	assert_int_equal(read(rig.peer, said, sizeof(said)), sizeof(wanted));
	assert_memory_equal(said, wanted, sizeof(wanted));
	rig_fini(&rig);
	assert_int_equal(rig.n_done, 0);
}

static void
granted_however_the_answers_are_cut(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(100);

	add_hello(&out);
	add_answer(&out, MUX_S_OK, 1, NULL);
	for (size_t cut = 1; cut <= out.len; cut++) {
		struct rig rig;

		rig_init(&rig);
		say(&rig, buf_bytes(&out), cut);
		assert_int_equal(rig.n_done, cut == out.len);
		if (cut < out.len)
			say(&rig, buf_bytes(&out) + cut, out.len - cut);
		assert_int_equal(rig.n_done, 1);
		assert_int_equal(rig.err.code, ERR_NONE);
		rig_fini(&rig);
	}
}

static void
a_master_that_goes_is_an_end_after_every_byte(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(100);

	add_hello(&out);
	add_answer(&out, MUX_S_OK, 1, NULL);
	for (size_t cut = 0; cut < out.len; cut++) {
		struct rig rig;

		rig_init(&rig);
		say(&rig, buf_bytes(&out), cut);
		fd_close(&rig.peer);
		for (int i = 0; i < 3; i++)
			uv_run(&rig.loop, UV_RUN_NOWAIT);
		assert_int_equal(rig.n_done, 1);
		assert_int_equal(rig.err.code, ERR_UNREACHABLE);
		rig_fini(&rig);
	}
}

static void
a_refusal_has_its_reason(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(100);
	struct rig rig;

	add_hello(&out);
	add_answer(&out, MUX_S_FAILURE, 1, "Port forwarding failed");
	rig_init(&rig);
	say(&rig, buf_bytes(&out), out.len);
	assert_err(rig.err, ERR_DENIED, "Port forwarding failed");
	rig_fini(&rig);
}

static void
what_was_not_asked_is_no_answer(void **state UNUSED)
{
	static const uint8_t huge[] = { 0xff, 0, 0, 0 };
	AUTO_BUF other = BUF_INIT(100), odd = BUF_INIT(100);
	struct rig rig;

	add_answer(&other, MUX_S_OK, 2, NULL);
	rig_init(&rig);
	say(&rig, buf_bytes(&other), other.len);
	assert_int_equal(rig.err.code, ERR_PROTO);
	rig_fini(&rig);

	add_answer(&odd, MUX_S_ALIVE, 1, NULL);
	rig_init(&rig);
	say(&rig, buf_bytes(&odd), odd.len);
	assert_int_equal(rig.err.code, ERR_PROTO);
	rig_fini(&rig);

	rig_init(&rig);
	say(&rig, huge, sizeof(huge));
	assert_int_equal(rig.err.code, ERR_PROTO);
	rig_fini(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_is_that_of_ssh),
		cmocka_unit_test(granted_however_the_answers_are_cut),
		cmocka_unit_test(a_master_that_goes_is_an_end_after_every_byte),
		cmocka_unit_test(a_refusal_has_its_reason),
		cmocka_unit_test(what_was_not_asked_is_no_answer),
	};

	return RUN_TESTS(tests);
}
