/* SPDX-License-Identifier: ISC */

#include "http/stream.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "tests/unit/http/net.h"

/* What the callbacks of one stream have seen. */
struct seen {
	struct net *net;
	struct stream *stream;
	struct buf data;
	int n_data, n_ends, n_errors, n_drains, n_sents;
	struct err err;
	bool is_inside;	   /* a function of the stream is on the stack */
	bool closes;	   /* in any callback */
	bool pauses;	   /* in on_data */
	size_t gives_back; /* bytes in on_data */
};

static void
called(struct seen *seen)
{
	assert_false(seen->is_inside);
	assert_non_null(seen->stream);
	assert_int_equal(seen->n_errors, 0);
	if (seen->closes)
		stream_close(TAKE(seen->stream));
}

static void
on_data(struct stream *stream, const void *bytes, size_t n, void *owner)
{
	struct seen *seen = owner;
	size_t back = MIN(n, seen->gives_back);

	assert_int_equal(seen->n_ends, 0);
	seen->n_data++;
	buf_add(&seen->data, bytes, n - back);
	if (seen->pauses)
		stream_pause(stream);
	if (back > 0) {
		seen->gives_back = 0;
		stream_unread(stream, (const char *)bytes + n - back, back);
	}
	called(seen);
}

static void
on_end(struct stream *stream UNUSED, const struct err *err, void *owner)
{
	struct seen *seen = owner;
	bool closes = seen->closes;

	seen->closes = false;
	called(seen);
	if (err) {
		seen->n_errors++;
		seen->err = *err;
	} else {
		assert_int_equal(seen->n_ends, 0);
		seen->n_ends++;
	}
	if (closes)
		stream_close(TAKE(seen->stream));
}

static void
on_drain(struct stream *stream UNUSED, void *owner)
{
	struct seen *seen = owner;

	seen->n_drains++;
	called(seen);
}

static void
on_sent(struct stream *stream, void *owner)
{
	struct seen *seen = owner;

	assert_int_equal(stream_pending(stream), 0);
	seen->n_sents++;
	called(seen);
}

static const struct stream_events events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
	.on_sent = on_sent,
};

static void
seen_init(struct seen *seen, struct net *net)
{
	struct err err = ERR_INIT;

	*seen = (struct seen){ .net = net, .data = BUF_INIT(SIZE_MAX - 1) };
	seen->stream = stream_new(&net->loop, net->ours, net->ours, &events,
				  seen, &err);
	assert_non_null(seen->stream);
	net->ours = -1;
}

static void
seen_fini(struct seen *seen)
{
	stream_close(TAKE(seen->stream));
	buf_fini(&seen->data);
}

static bool
write_some(struct seen *seen, size_t n)
{
	AUTO_FREE char *bytes = xcalloc(1, n);
	bool is_full;

	seen->is_inside = true;
	is_full = stream_write(seen->stream, bytes, n);
	seen->is_inside = false;
	return is_full;
}

static void
starts_paused_and_delivers_after_resume(void **state UNUSED)
{
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	net_say(&net, "hello");
	net_idle(&net);
	assert_int_equal(seen.n_data, 0);
	seen.is_inside = true;
	stream_resume(seen.stream);
	seen.is_inside = false;
	net_until(&net, seen.data.len == 5);
	assert_string_equal(buf_text(&seen.data), "hello");
	seen_fini(&seen);
	net_fini(&net);
}

static void
pause_slows_the_peer_down(void **state UNUSED)
{
	AUTO_FREE char *block = xcalloc(1, 4 << 20);
	struct net net;
	struct seen seen;
	size_t left;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	seen.pauses = true;
	stream_resume(seen.stream);
	net_send(&net, block, 4 << 20);
	net_idle(&net);
	assert_int_equal(seen.n_data, 1);
	left = net.out.len;
	assert_true(left > 1 << 20);
	net_idle(&net);
	assert_int_equal(net.out.len, left);
	/* Nor is the loop busy with bytes that nobody wants. */
	assert_true(net_is_quiet(&net));

	seen.pauses = false;
	stream_resume(seen.stream);
	net_until(&net, seen.data.len == 4 << 20);
	seen_fini(&seen);
	net_fini(&net);
}

static void
bytes_given_back_come_again_first(void **state UNUSED)
{
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	seen.gives_back = 3;
	seen.pauses = true;
	stream_resume(seen.stream);
	net_say(&net, "abcdef");
	net_until(&net, seen.n_data == 1);
	assert_string_equal(buf_text(&seen.data), "abc");
	net_say(&net, "ghi");
	net_shut(&net);
	net_idle(&net);
	assert_int_equal(seen.n_data, 1);

	seen.pauses = false;
	stream_resume(seen.stream);
	net_until(&net, seen.n_ends == 1);
	assert_string_equal(buf_text(&seen.data), "abcdefghi");
	seen_fini(&seen);
	net_fini(&net);
}

static void
bytes_given_back_twice_keep_their_order(void **state UNUSED)
{
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	seen.is_inside = true;
	stream_unread(seen.stream, "def", 3);
	stream_unread(seen.stream, "abc", 3);
	stream_resume(seen.stream);
	stream_unread(seen.stream, "", 0);
	seen.is_inside = false;
	net_say(&net, "ghi");
	net_until(&net, seen.data.len == 9);
	assert_string_equal(buf_text(&seen.data), "abcdefghi");
	seen_fini(&seen);
	net_fini(&net);
}

static void
end_is_told_once_and_writing_goes_on(void **state UNUSED)
{
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	stream_resume(seen.stream);
	net_say(&net, "x");
	net_shut(&net);
	net_until(&net, seen.n_ends == 1);
	stream_write(seen.stream, "answer", 6);
	net_until(&net, net_has(&net, "answer"));
	net_idle(&net);
	assert_int_equal(seen.n_ends, 1);
	assert_int_equal(seen.n_errors, 0);

	/* The peer goes altogether: nothing is written, but it is noticed. */
	net_close(&net);
	net_until(&net, seen.n_errors == 1);
	assert_err(seen.err, ERR_UNREACHABLE, "closed the connection");
	net_idle(&net);
	seen_fini(&seen);
	net_fini(&net);
}

static void
waiting_after_the_end_costs_nothing(void **state UNUSED)
{
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	stream_resume(seen.stream);
	net_shut(&net);
	net_until(&net, seen.n_ends == 1);
	net_idle(&net);
	assert_true(net_is_quiet(&net));
	seen_fini(&seen);
	net_fini(&net);
}

static void
reader_that_never_reads_is_noticed(void **state UNUSED)
{
	struct net net;
	struct seen seen;
	size_t written = 0;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	net.is_deaf = true;
	while (!write_some(&seen, 10000)) {
		written += 10000;
		assert_true(written < 4 << 20);
	}
	assert_true(stream_pending(seen.stream) > STREAM_HIGH_WATER);
	assert_true(stream_pending(seen.stream) < STREAM_HIGH_WATER + 10001);
	net_idle(&net);
	assert_int_equal(seen.n_drains, 0);

	net.is_deaf = false;
	net_until(&net, seen.n_sents == 1);
	assert_int_equal(seen.n_drains, 1);
	seen_fini(&seen);
	net_fini(&net);
}

static void
files_and_bytes_arrive_in_order(void **state UNUSED)
{
	AUTO_BUF expected = BUF_INIT(SIZE_MAX - 1);
	char path[] = "/tmp/berth-stream-XXXXXX";
	AUTO_CLOSE int file = mkstemp(path);
	AUTO_FREE char *bytes = xmalloc(1 << 20);
	struct net net;
	struct seen seen;

	unlink(path);
	for (int i = 0; i < 1 << 20; i++)
		bytes[i] = (char)(i >> 5);
	assert_int_equal(write_full(file, bytes, 1 << 20), 0);

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	for (int i = 0; i < 20; i++) {
		size_t at = unit_below(1 << 19), n = unit_below(1 << 19);
		struct iovec pieces[] = { { bytes, 100 }, { bytes + at, 7 } };

		stream_writev(seen.stream, pieces, 2, true);
		buf_add(&expected, bytes, 100);
		buf_add(&expected, bytes + at, 7);
		stream_write_file(seen.stream, file, at, n);
		buf_add(&expected, bytes + at, n);
		if (i % 4 == 0)
			net_idle(&net);
	}
	stream_shutdown(seen.stream);
	net_until(&net, net.is_ended);
	assert_int_equal(net.got.len, expected.len);
	assert_memory_equal(buf_bytes(&net.got), buf_bytes(&expected),
			    expected.len);
	seen_fini(&seen);
	net_fini(&net);
}

static void
file_that_is_too_short_breaks_the_stream(void **state UNUSED)
{
	char path[] = "/tmp/berth-stream-XXXXXX";
	AUTO_CLOSE int file = mkstemp(path);
	struct net net;
	struct seen seen;

	unlink(path);
	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	seen.is_inside = true;
	stream_write_file(seen.stream, file, 0, 1);
	seen.is_inside = false;
	net_until(&net, seen.n_errors == 1);
	assert_err(seen.err, ERR_SYSTEM, "shorter than announced");
	assert_false(stream_write(seen.stream, "x", 1));
	net_idle(&net);
	seen_fini(&seen);
	net_fini(&net);
}

static void
failed_write_is_told_later_and_after_what_had_arrived(void **state UNUSED)
{
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	stream_resume(seen.stream);
	assert_int_equal(send(net.peer, "last words", 10, 0), 10);
	net_close(&net);
	write_some(&seen, 10);
	assert_int_equal(seen.n_data + seen.n_ends + seen.n_errors, 0);
	net_until(&net, seen.n_errors == 1);
	assert_string_equal(buf_text(&seen.data), "last words");
	assert_err(seen.err, ERR_UNREACHABLE, "closed the connection");
	seen_fini(&seen);
	net_fini(&net);
}

static void
any_callback_may_close_the_stream(void **state UNUSED)
{
	for (int which = 0; which < 5; which++) {
		struct net net;
		struct seen seen;

		net_init(&net, SOCK_STREAM);
		seen_init(&seen, &net);
		seen.closes = true;
		if (which == 1)
			net.is_deaf = true;
		if (which != 1)
			stream_resume(seen.stream);
		if (which == 0 || which == 4)
			net_say(&net, "x");
		if (which == 1) {
			while (!write_some(&seen, 100000))
				;
			net.is_deaf = false;
		}
		if (which == 2)
			net_shut(&net);
		if (which == 3) {
			net_close(&net);
			write_some(&seen, 1);
		}
		if (which == 4)
			seen.gives_back = 1;
		net_until(&net, seen.stream == NULL);
		seen_fini(&seen);
		net_fini(&net);
	}
}

static void
close_after_write_sends_everything_first(void **state UNUSED)
{
	struct net net;
	struct seen seen;
	struct stream *stream;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	net.is_deaf = true;
	stream_resume(seen.stream);
	write_some(&seen, 3 << 20);
	stream = TAKE(seen.stream);
	stream_close_after_write(stream);
	/* What the peer still says must not make the kernel cut it off. */
	net_say(&net, "I am not listening");
	net_idle(&net);
	net.is_deaf = false;
	net_until(&net, net.is_ended);
	assert_false(net.is_reset);
	assert_int_equal(net.got.len, 3 << 20);
	net_close(&net);
	seen_fini(&seen);
	net_fini(&net);
}

/* As a browser does that sends a large message: it reads when all is sent. */
static void
close_after_write_is_heard_by_a_peer_that_is_still_sending(void **state UNUSED)
{
	AUTO_FREE char *message = xcalloc(1, 8 << 20);
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	net.is_deaf = true;
	net_send(&net, message, 8 << 20);
	(void)stream_write(seen.stream, "too large", 9);
	stream_close_after_write(TAKE(seen.stream));
	net_until(&net, net.out.len == 0);
	net_idle(&net);
	net.is_deaf = false;
	net_until(&net, net.is_ended);
	assert_false(net.is_reset);
	assert_true(net_has(&net, "too large"));
	net_close(&net);
	seen_fini(&seen);
	net_fini(&net);
}

static void
close_after_write_ends_when_the_peer_babbles(void **state UNUSED)
{
	AUTO_FREE char *babble = xcalloc(1, 4 << 20);
	uint64_t start = clock_mono_ms();
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	stream_close_after_write(TAKE(seen.stream));
	while (uv_loop_alive(&net.loop)) {
		assert_true(clock_mono_ms() - start < 5000);
		if (net.out.len == 0)
			net_send(&net, babble, 4 << 20);
		net_turn(&net);
	}
	/* Not by the deadline of two seconds. */
	assert_true(clock_mono_ms() - start < 1500);
	assert_true(net.is_ended);
	seen_fini(&seen);
	net_fini(&net);
}

static void
regular_file_is_refused_with_a_clear_message(void **state UNUSED)
{
	char path[] = "/tmp/berth-stream-XXXXXX";
	AUTO_CLOSE int file = mkstemp(path), null = open("/dev/null", O_RDWR);
	struct err err = ERR_INIT;
	struct net net;

	unlink(path);
	net_init(&net, SOCK_STREAM);
	assert_null(stream_new(&net.loop, file, file, &events, NULL, &err));
	assert_err(err, ERR_UNSUPPORTED, "regular file");
	assert_null(stream_new(&net.loop, net.ours, null, &events, NULL, &err));
	assert_err(err, ERR_UNSUPPORTED, "socket, pipe or terminal");
	assert_true(fcntl(net.ours, F_GETFD) >= 0);
	net_fini(&net);
}

static void
pair_of_pipes_works_like_a_socket(void **state UNUSED)
{
	struct err err = ERR_INIT;
	int in[2], out[2];
	struct seen seen = { .data = BUF_INIT(SIZE_MAX - 1) };
	struct net net;
	char room[16];

	net_init(&net, SOCK_STREAM);
	assert_return_code(pipe2(in, O_CLOEXEC), errno);
	assert_return_code(pipe2(out, O_CLOEXEC), errno);
	seen.stream = stream_new(&net.loop, in[0], out[1], &events, &seen,
				 &err);
	assert_non_null(seen.stream);
	stream_resume(seen.stream);
	assert_int_equal(write(in[1], "hello", 5), 5);
	net_until(&net, seen.data.len == 5);
	stream_write(seen.stream, "world", 5);
	assert_int_equal(read(out[0], room, sizeof(room)), 5);

	close(in[1]);
	net_until(&net, seen.n_ends == 1);
	stream_write(seen.stream, "!", 1);
	stream_shutdown(seen.stream);
	assert_int_equal(read(out[0], room, sizeof(room)), 1);
	assert_int_equal(read(out[0], room, sizeof(room)), 0);
	close(out[0]);
	net_idle(&net);
	seen_fini(&seen);
	net_fini(&net);
}

static void
reader_of_a_pipe_that_goes_is_noticed(void **state UNUSED)
{
	struct err err = ERR_INIT;
	int in[2], out[2];
	struct seen seen = { .data = BUF_INIT(SIZE_MAX - 1) };
	struct net net;

	net_init(&net, SOCK_STREAM);
	assert_return_code(pipe2(in, O_CLOEXEC), errno);
	assert_return_code(pipe2(out, O_CLOEXEC), errno);
	seen.stream = stream_new(&net.loop, in[0], out[1], &events, &seen,
				 &err);
	stream_resume(seen.stream);
	net_idle(&net);
	close(out[0]);
	net_until(&net, seen.n_errors == 1);
	close(in[1]);
	seen_fini(&seen);
	net_fini(&net);
}

static void
descriptors_come_back_as_they_went(void **state UNUSED)
{
	struct err err = ERR_INIT;
	int pair[2], in, out;
	struct stream *stream;
	struct net net;

	net_init(&net, SOCK_STREAM);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), errno);
	stream = stream_new(&net.loop, pair[0], pair[0], &events, NULL, &err);
	assert_true(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
	stream_detach(stream, &in, &out);
	assert_int_equal(in, pair[0]);
	assert_int_equal(out, pair[0]);
	assert_false(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
	net_idle(&net);
	assert_int_equal(write(pair[0], "x", 1), 1);
	close(pair[0]);
	close(pair[1]);
	net_fini(&net);
}

static void
silent_stream_speaks_when_it_gets_events(void **state UNUSED)
{
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	stream_set_events(seen.stream, NULL, NULL);
	net_say(&net, "early");
	net_idle(&net);
	net_close(&net);
	stream_write(seen.stream, "x", 1);
	net_idle(&net);
	assert_int_equal(seen.n_errors, 0);
	stream_set_events(seen.stream, &events, &seen);
	stream_resume(seen.stream);
	net_until(&net, seen.n_errors == 1);
	assert_string_equal(buf_text(&seen.data), "early");
	seen_fini(&seen);
	net_fini(&net);
}

/* Everything that goes through is cut after `n' bytes in one direction. */
static void
run_cut_after(size_t n, bool is_ours)
{
	static const char text[] = "0123456789abcdef";
	struct net net;
	struct seen seen;

	net_init(&net, SOCK_STREAM);
	seen_init(&seen, &net);
	stream_resume(seen.stream);
	if (is_ours) {
		stream_write(seen.stream, text, n);
		stream_close_after_write(TAKE(seen.stream));
		net_until(&net, net.is_ended);
		assert_int_equal(net.got.len, n);
		net_close(&net);
	} else {
		net_send(&net, text, n);
		net_shut(&net);
		net_close(&net);
		net_until(&net, seen.n_errors == 1);
		assert_int_equal(seen.data.len, n);
	}
	seen_fini(&seen);
	net_fini(&net);
}

static void
cut_after_any_byte_loses_no_byte_before_it(void **state UNUSED)
{
	for (size_t n = 0; n <= 16; n++) {
		run_cut_after(n, false);
		run_cut_after(n, true);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_paused_and_delivers_after_resume),
		cmocka_unit_test(pause_slows_the_peer_down),
		cmocka_unit_test(bytes_given_back_come_again_first),
		cmocka_unit_test(bytes_given_back_twice_keep_their_order),
		cmocka_unit_test(end_is_told_once_and_writing_goes_on),
		cmocka_unit_test(waiting_after_the_end_costs_nothing),
		cmocka_unit_test(reader_that_never_reads_is_noticed),
		cmocka_unit_test(files_and_bytes_arrive_in_order),
		cmocka_unit_test(file_that_is_too_short_breaks_the_stream),
		cmocka_unit_test(
		    failed_write_is_told_later_and_after_what_had_arrived),
		cmocka_unit_test(any_callback_may_close_the_stream),
		cmocka_unit_test(close_after_write_sends_everything_first),
		cmocka_unit_test(
		    close_after_write_is_heard_by_a_peer_that_is_still_sending),
		cmocka_unit_test(close_after_write_ends_when_the_peer_babbles),
		cmocka_unit_test(regular_file_is_refused_with_a_clear_message),
		cmocka_unit_test(pair_of_pipes_works_like_a_socket),
		cmocka_unit_test(reader_of_a_pipe_that_goes_is_noticed),
		cmocka_unit_test(descriptors_come_back_as_they_went),
		cmocka_unit_test(silent_stream_speaks_when_it_gets_events),
		cmocka_unit_test(cut_after_any_byte_loses_no_byte_before_it),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
