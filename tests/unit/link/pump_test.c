/* SPDX-License-Identifier: ISC */

#include "link/pump.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "http/stream.h"
#include "link/transport.h"
#include "wire/duplex.h"

static struct {
	uv_loop_t loop;
	struct transport *transport;
	struct traffic traffic;
	struct pump *pump;
	bool is_up, is_open, is_over;
	struct buf heard;
	struct err err;
	int peer; /* the client's side */
} t;

static void
on_up(struct transport *transport UNUSED, void *owner UNUSED)
{
	t.is_up = true;
}

static void
on_open(struct pump *pump UNUSED, void *owner UNUSED)
{
	t.is_open = true;
}

static void
on_data(struct pump *pump UNUSED, const void *bytes, size_t n,
	void *owner UNUSED)
{
	(void)buf_add(&t.heard, bytes, n);
}

static void
on_end(struct pump *pump, const struct err *err, void *owner UNUSED)
{
	t.is_over = true;
	if (err)
		t.err = *err;
	assert_ptr_equal(pump, t.pump);
	pump_free(TAKE(t.pump));
}

static const struct pump_events events = { .on_open = on_open,
					   .on_data = on_data,
					   .on_end = on_end };

static int
setup(void **state UNUSED)
{
	static const struct transport_events up = { .on_up = on_up };
	const struct transport_config config = { .loop = &t.loop,
						 .events = &up };
	struct err err = ERR_INIT;

	(void)signal(SIGPIPE, SIG_IGN);
	memset(&t, 0, sizeof(t));
	uv_loop_init(&t.loop);
	traffic_init(&t.traffic);
	buf_init(&t.heard, 1u << 20);
	t.transport = transport_local.new(&config, &err);
	while (!t.is_up)
		uv_run(&t.loop, UV_RUN_ONCE);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	pump_free(t.pump);
	if (t.transport)
		t.transport->ops->free(t.transport);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	buf_fini(&t.heard);
	if (t.peer > 0)
		close(t.peer);
	return uv_loop_close(&t.loop);
}

static void
open_pump(const char *command)
{
	const struct channel_spec spec = { .kind = CHANNEL_COMMAND,
					   .what = command };
	struct err err = ERR_INIT;

	t.pump = pump_open(t.transport, &spec, &t.traffic, &events, NULL, &err);
	assert_non_null(t.pump);
	assert_false(t.is_open);
	while (!t.is_open)
		uv_run(&t.loop, UV_RUN_ONCE);
}

/* The stream of a client whose other end is t.peer. */
static struct stream *
make_client(void)
{
	struct err err = ERR_INIT;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fd_set_nonblock(fds[1]);
	t.peer = fds[1];
	return stream_new(&t.loop, fds[0], fds[0], NULL, NULL, &err);
}

/* What the client gets until the end. */
static void
read_peer(struct buf *out)
{
	uint64_t until = clock_mono_ms() + 10000;
	static uint8_t room[65536];
	ssize_t n = -1;

	while (n != 0 && clock_mono_ms() < until) {
		uv_run(&t.loop, UV_RUN_NOWAIT);
		n = read(t.peer, room, sizeof(room));
		if (n > 0)
			(void)buf_add(out, room, (size_t)n);
	}
	assert_int_equal(n, 0);
}

static void
alone_it_tells_its_owner(void **state UNUSED)
{
	open_pump("cat");
	assert_true(pump_is_untouched(t.pump));
	pump_write(t.pump, "hello", 5);
	while (t.heard.len < 5)
		uv_run(&t.loop, UV_RUN_ONCE);
	assert_string_equal(buf_text(&t.heard), "hello");
	assert_true(pump_is_answered(t.pump));
	assert_int_equal(t.traffic.meter.bytes[METER_IN], 5);
	assert_int_equal(t.traffic.meter.bytes[METER_OUT], 5);
}

static void
joined_both_directions_flow_and_end_alone(void **state UNUSED)
{
	AUTO_BUF got = BUF_INIT(1u << 20);

	open_pump("cat; echo end");
	pump_join(t.pump, make_client());
	assert_int_equal(write(t.peer, "hello ", 6), 6);
	assert_int_equal(shutdown(t.peer, SHUT_WR), 0);
	read_peer(&got);
	assert_string_equal(buf_text(&got), "hello end\n");
	/* The command is reaped after its output has ended. */
	while (!t.is_over)
		uv_run(&t.loop, UV_RUN_ONCE);
	assert_int_equal(t.err.code, ERR_NONE);
}

static void
a_slow_client_slows_the_machine(void **state UNUSED)
{
	AUTO_BUF got = BUF_INIT(16u << 20);

	open_pump("head -c 8000000 /dev/zero");
	pump_join(t.pump, make_client());
	for (int i = 0; i < 200; i++)
		uv_run(&t.loop, UV_RUN_NOWAIT);
	assert_true(t.traffic.meter.bytes[METER_IN] < 2000000);
	read_peer(&got);
	assert_int_equal(got.len, 8000000);
}

static void
in_frames_a_command_tells_its_streams_and_end(void **state UNUSED)
{
	static const uint8_t end[DUPLEX_HEADER_SIZE] = { DUPLEX_STDIN };
	AUTO_BUF got = BUF_INIT(1u << 20);
	const uint8_t *bytes;

	open_pump("cat >/dev/null; echo out; exit 3");
	pump_join_framed(t.pump, make_client());
	assert_int_equal(write(t.peer, end, sizeof(end)), sizeof(end));
	read_peer(&got);
	bytes = buf_bytes(&got);
	assert_int_equal(bytes[0], DUPLEX_STDOUT);
	assert_int_equal(bytes[4], 4);
	assert_memory_equal(bytes + DUPLEX_HEADER_SIZE, "out\n", 4);
	bytes += DUPLEX_HEADER_SIZE + 4;
	assert_int_equal(bytes[0], DUPLEX_EXIT);
	assert_non_null(strstr((const char *)bytes + DUPLEX_HEADER_SIZE,
			       "\"exit_code\":3"));
}

/* What it sends is no frame that a client may send: the end of both. */
static void
assert_refused(const uint8_t *bytes, size_t n)
{
	uint64_t until = clock_mono_ms() + 10000;

	open_pump("cat");
	pump_join_framed(t.pump, make_client());
	assert_int_equal(write(t.peer, bytes, n), n);
	while (!t.is_over && clock_mono_ms() < until)
		uv_run(&t.loop, UV_RUN_ONCE);
	assert_true(t.is_over);
	assert_int_equal(t.err.code, ERR_NONE);
}

static void
a_size_that_is_none_ends_it(void **state UNUSED)
{
	static const uint8_t bytes[] = { DUPLEX_RESIZE, 0,  0, 0, 2, 0, 0, 0,
					 '{',		'}' };

	assert_refused(bytes, sizeof(bytes));
}

static void
an_answer_from_a_client_ends_it(void **state UNUSED)
{
	static const uint8_t bytes[] = {
		DUPLEX_STDOUT, 0, 0, 0, 1, 0, 0, 0, 'x'
	};

	assert_refused(bytes, sizeof(bytes));
}

static void
a_client_that_breaks_ends_it(void **state UNUSED)
{
	uint64_t until = clock_mono_ms() + 10000;

	open_pump("yes");
	pump_join(t.pump, make_client());
	close(TAKE_FD(t.peer));
	while (!t.is_over && clock_mono_ms() < until)
		uv_run(&t.loop, UV_RUN_ONCE);
	assert_true(t.is_over);
	assert_int_equal(t.err.code, ERR_NONE);
}

static void
cut_it_ends_with_the_reason_and_the_client_is_left(void **state UNUSED)
{
	struct err why = ERR_INIT;

	err_set(&why, ERR_UNREACHABLE, "the line is dead");
	open_pump("cat");
	t.transport->ops->free(TAKE(t.transport));
	traffic_cut(&t.traffic, &why);
	assert_true(t.is_over);
	assert_err(t.err, ERR_UNREACHABLE, "dead");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(alone_it_tells_its_owner),
		TEST(joined_both_directions_flow_and_end_alone),
		TEST(a_slow_client_slows_the_machine),
		TEST(in_frames_a_command_tells_its_streams_and_end),
		TEST(a_size_that_is_none_ends_it),
		TEST(an_answer_from_a_client_ends_it),
		TEST(a_client_that_breaks_ends_it),
		TEST(cut_it_ends_with_the_reason_and_the_client_is_left),
	};

	return RUN_TESTS(tests);
}
