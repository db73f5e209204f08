/* SPDX-License-Identifier: ISC */

#include "link/transport.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sock.h"

static struct {
	uv_loop_t loop;
	struct transport *transport;
	bool is_up;
} t;

/* What happened on one channel. */
struct seen {
	struct channel *channel;
	struct buf out, errs;
	bool is_open, is_eof, is_closed, drained;
	int code;
	char signal[16];
	struct err err;
};

static void
on_up(struct transport *transport UNUSED, void *owner UNUSED)
{
	t.is_up = true;
}

static const struct transport_events transport_events = { .on_up = on_up };

static void
on_open(struct channel *channel, void *owner)
{
	struct seen *seen = owner;

	seen->is_open = true;
	channel->ops->resume(channel);
}

static void
on_data(struct channel *channel UNUSED, int fd, const void *bytes, size_t n,
	void *owner)
{
	struct seen *seen = owner;

	assert_true(seen->is_open);
	(void)buf_add(fd == 1 ? &seen->out : &seen->errs, bytes, n);
}

static void
on_eof(struct channel *channel UNUSED, void *owner)
{
	((struct seen *)owner)->is_eof = true;
}

static void
on_drain(struct channel *channel UNUSED, void *owner)
{
	((struct seen *)owner)->drained = true;
}

static void
on_exit_told(struct channel *channel UNUSED, int code, const char *signal,
	     void *owner)
{
	struct seen *seen = owner;

	seen->code = code;
	snprintf(seen->signal, sizeof(seen->signal), "%s",
		 signal ? signal : "");
}

static void
on_close(struct channel *channel UNUSED, const struct err *err, void *owner)
{
	struct seen *seen = owner;

	assert_false(seen->is_closed);
	seen->is_closed = true;
	seen->channel = NULL;
	if (err)
		seen->err = *err;
}

static const struct channel_events channel_events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_eof = on_eof,
	.on_drain = on_drain,
	.on_exit = on_exit_told,
	.on_close = on_close,
};

static int
setup(void **state UNUSED)
{
	const struct transport_config config = { .loop = &t.loop,
						 .events = &transport_events };
	struct err err = ERR_INIT;

	(void)signal(SIGPIPE, SIG_IGN);
	t.is_up = false;
	uv_loop_init(&t.loop);
	t.transport = transport_local.new(&config, &err);
	while (!t.is_up)
		uv_run(&t.loop, UV_RUN_ONCE);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	t.transport->ops->free(t.transport);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&t.loop);
}

static void
begin(struct seen *seen, const struct channel_spec *spec)
{
	struct err err = ERR_INIT;

	*seen = (struct seen){ .code = -1 };
	buf_init(&seen->out, 16u << 20);
	buf_init(&seen->errs, 1u << 20);
	seen->channel = t.transport->ops->open(t.transport, spec,
					       &channel_events, seen, &err);
	assert_non_null(seen->channel);
	assert_false(seen->is_open);
}

static void
end(struct seen *seen)
{
	buf_fini(&seen->out);
	buf_fini(&seen->errs);
}

static void
turn_until(const bool *condition)
{
	uint64_t until = clock_mono_ms() + 10000;

	while (!*condition && clock_mono_ms() < until)
		uv_run(&t.loop, UV_RUN_ONCE);
	assert_true(*condition);
}

static void
commands_end_as_they_end(void **state UNUSED)
{
	static const struct {
		const char *command, *out, *errs, *signal;
		int code;
	} rows[] = {
		{ "echo out; echo err >&2; exit 3", "out\n", "err\n", "", 3 },
		{ "kill -TERM $$", "", "", "TERM", 0 },
		{ "exec 0<&-; echo on", "on\n", "", "", 0 },
		{ "true", "", "", "", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct channel_spec spec = { .kind = CHANNEL_COMMAND,
						   .what = rows[i].command };
		struct seen seen;

		begin(&seen, &spec);
		turn_until(&seen.is_closed);
		assert_true(seen.is_eof);
		assert_string_equal(buf_text(&seen.out), rows[i].out);
		assert_string_equal(buf_text(&seen.errs), rows[i].errs);
		assert_string_equal(seen.signal, rows[i].signal);
		assert_int_equal(seen.code, rows[i].code);
		assert_int_equal(seen.err.code, ERR_NONE);
		end(&seen);
	}
}

static void
input_ends_and_output_goes_on(void **state UNUSED)
{
	const struct channel_spec spec = { .kind = CHANNEL_COMMAND,
					   .what = "cat; echo end" };
	struct seen seen;

	begin(&seen, &spec);
	turn_until(&seen.is_open);
	(void)seen.channel->ops->write(seen.channel, "hello ", 6);
	seen.channel->ops->write_end(seen.channel);
	turn_until(&seen.is_closed);
	assert_string_equal(buf_text(&seen.out), "hello end\n");
	end(&seen);
}

static void
megabytes_go_round_at_the_reader_s_pace(void **state UNUSED)
{
	const struct channel_spec spec = { .kind = CHANNEL_COMMAND,
					   .what = "cat" };
	static uint8_t bytes[1 << 20];
	struct seen seen;
	bool full = false;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	begin(&seen, &spec);
	turn_until(&seen.is_open);
	seen.channel->ops->pause(seen.channel);
	for (int i = 0; i < 4; i++)
		full |= seen.channel->ops->write(seen.channel, bytes,
						 sizeof(bytes));
	assert_true(full);
	seen.channel->ops->write_end(seen.channel);
	for (int i = 0; i < 20; i++)
		uv_run(&t.loop, UV_RUN_NOWAIT);
	assert_false(seen.drained);
	seen.channel->ops->resume(seen.channel);
	turn_until(&seen.is_closed);
	assert_true(seen.drained);
	assert_int_equal(seen.out.len, 4 * sizeof(bytes));
	for (int i = 0; i < 4; i++)
		assert_memory_equal(buf_bytes(&seen.out) + i * sizeof(bytes),
				    bytes, sizeof(bytes));
	end(&seen);
}

static void
a_terminal_is_one(void **state UNUSED)
{
	const struct channel_spec spec = { .kind = CHANNEL_COMMAND,
					   .what = "tty >/dev/null && stty "
						   "size && echo $TERM && "
						   "read x && stty size",
					   .has_tty = true,
					   .cols = 100,
					   .rows = 30,
					   .term = "vt52" };
	struct seen seen;

	begin(&seen, &spec);
	while (strstr(buf_text(&seen.out), "vt52") == NULL)
		uv_run(&t.loop, UV_RUN_ONCE);
	seen.channel->ops->resize(seen.channel, 90, 20);
	(void)seen.channel->ops->write(seen.channel, "x\n", 2);
	turn_until(&seen.is_closed);
	assert_non_null(strstr(buf_text(&seen.out), "30 100"));
	assert_non_null(strstr(buf_text(&seen.out), "20 90"));
	assert_int_equal(seen.code, 0);
	end(&seen);
}

static void
what_cannot_be_opened_is_refused_later(void **state UNUSED)
{
	const struct channel_spec specs[] = {
		{ .kind = CHANNEL_UNIX, .what = "/nonexistent" },
		{ .kind = CHANNEL_TCP, .what = "127.0.0.1", .port = 1 },
		{ .kind = CHANNEL_SUBSYSTEM, .what = "nothing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct seen seen;

		begin(&seen, &specs[i]);
		turn_until(&seen.is_closed);
		assert_false(seen.is_open);
		assert_int_equal(seen.err.code, ERR_DENIED);
		end(&seen);
	}
}

static void
a_socket_is_reached_and_each_end_ends_alone(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "sock");
	struct channel_spec spec = { .kind = CHANNEL_UNIX, .what = path };
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = sock_listen_unix(path, &err);
	AUTO_CLOSE int peer = -1;
	struct seen seen;
	char got[8];

	begin(&seen, &spec);
	turn_until(&seen.is_open);
	peer = accept(fd, NULL, NULL);
	(void)seen.channel->ops->write(seen.channel, "ask", 3);
	seen.channel->ops->write_end(seen.channel);
	assert_int_equal(read(peer, got, sizeof(got)), 3);
	assert_int_equal(read(peer, got, sizeof(got)), 0);
	assert_false(seen.is_closed);
	assert_int_equal(write(peer, "answer", 6), 6);
	close(TAKE_FD(peer));
	turn_until(&seen.is_closed);
	assert_true(seen.is_eof);
	assert_string_equal(buf_text(&seen.out), "answer");
	assert_int_equal(seen.err.code, ERR_NONE);
	end(&seen);
}

static void
a_closed_channel_says_nothing_and_hangs_up(void **state UNUSED)
{
	AUTO_FREE char *mark = path_join(unit_temp_dir(), "hung-up");
	AUTO_FREE char *command = xasprintf(
	    "trap 'echo x >%s; exit' HUP; echo ready; while :; do read x; done",
	    mark);
	const struct channel_spec spec = { .kind = CHANNEL_COMMAND,
					   .what = command };
	uint64_t until = clock_mono_ms() + 10000;
	struct seen seen;

	begin(&seen, &spec);
	while (seen.out.len == 0)
		uv_run(&t.loop, UV_RUN_ONCE);
	seen.channel->ops->close(seen.channel);
	while (access(mark, F_OK) < 0 && clock_mono_ms() < until)
		uv_run(&t.loop, UV_RUN_NOWAIT);
	assert_int_equal(access(mark, F_OK), 0);
	assert_false(seen.is_closed);
	end(&seen);
}

static uint64_t pong_us;
static bool was_ponged;

static void
on_pong(void *owner UNUSED, uint64_t us)
{
	was_ponged = true;
	pong_us = us;
}

static void
a_sign_of_life_comes(void **state UNUSED)
{
	was_ponged = false;
	t.transport->ops->ping(t.transport, on_pong);
	assert_false(was_ponged);
	turn_until(&was_ponged);
	assert_true(pong_us < 1000000);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(commands_end_as_they_end),
		TEST(input_ends_and_output_goes_on),
		TEST(megabytes_go_round_at_the_reader_s_pace),
		TEST(a_terminal_is_one),
		TEST(what_cannot_be_opened_is_refused_later),
		TEST(a_socket_is_reached_and_each_end_ends_alone),
		TEST(a_closed_channel_says_nothing_and_hangs_up),
		TEST(a_sign_of_life_comes),
	};

	return RUN_TESTS(tests);
}
