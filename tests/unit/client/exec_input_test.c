/* SPDX-License-Identifier: ISC */

#include "client/exec_input.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <uv.h>

#include "client/client.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "http/server.h"
#include "tests/unit/client/fake.h"

static const struct reach_config local = { .no_start = true };

/* What an exec would have read, in the fake daemon's process and on a file. */
struct sponge {
	int fd;		/* what was taken */
	uint64_t taken; /* in the child */
	unsigned cut;	/* every so many answers are lost; 0: none */
	size_t at_most; /* bytes taken per request; 0: all */
	bool is_closed; /* it reads no more */
	int done;	/* closed when the end came */
};

/* A request without one goes on after what was taken. */
static uint64_t
offset_of(const struct fake_request *r, const struct sponge *s)
{
	AUTO_FREE char *text = http_head_query(r->head, "offset");
	struct err err = ERR_INIT;
	uint64_t n = s->taken;

	if (text)
		(void)parse_u64(text, 0, UINT64_MAX - 1, &n, &err);
	return n;
}

/* As the daemon does it: what is known is skipped, a hole is a conflict. */
static void
soak(const struct fake_request *r, void *arg)
{
	AUTO_FREE char *eof = http_head_query(r->head, "eof");
	struct sponge *s = arg;
	uint64_t offset = offset_of(r, s), skip = s->taken - offset;
	size_t n = r->body->len;
	char answer[64];

	if (s->is_closed || offset > s->taken) {
		fake_reply_json(r, 409, "{\"error\":{\"code\":\"CONFLICT\"}}");
		close(s->done);
		return;
	}
	n = skip < n ? n - (size_t)skip : 0;
	if (s->at_most > 0)
		n = MIN(n, s->at_most);
	(void)write_full(s->fd, buf_bytes(r->body) + skip, n);
	s->taken += n;
	if (eof && offset + r->body->len == s->taken) {
		close(s->done);
		s->is_closed = true;
	}
	snprintf(answer, sizeof(answer), "{\"offset\":%llu}",
		 (unsigned long long)s->taken);
	if (s->cut && r->number % s->cut == s->cut - 1)
		http_exchange_abort(r->x);
	else
		fake_reply_json(r, 200, answer);
}

struct feed {
	struct client *client;
	struct exec_input *input;
	struct sponge sponge;
	uv_poll_t done; /* the sponge saw the end */
	int done_fd;
	char *taken;
	unsigned n_escapes, n_fails;
	struct err err;
};

static void
on_fail(const struct err *err, void *owner)
{
	struct feed *feed = owner;

	feed->n_fails++;
	feed->err = *err;
	client_stop(feed->client);
}

static void
on_escape(void *owner)
{
	struct feed *feed = owner;

	feed->n_escapes++;
	client_stop(feed->client);
}

static void
on_done(uv_poll_t *poll, int status UNUSED, int what UNUSED)
{
	struct feed *feed = poll->data;

	uv_poll_stop(poll);
	client_stop(feed->client);
}

/* Start the daemon that soaks up, and an input that reads `fd'. */
static void
feed_start(struct feed *feed, int fd, bool has_escape)
{
	struct exec_input_config config = {
		.id = "e1", .fd = fd, .on_fail = on_fail, .owner = feed
	};
	struct err err = ERR_INIT;
	int pair[2];

	feed->taken = path_join(unit_temp_dir(), "taken");
	feed->sponge.fd = open(feed->taken, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	feed->sponge.done = pair[1];
	feed->done_fd = pair[0];
	fake_start(soak, &feed->sponge, 0);
	close(pair[1]);
	feed->client = config.client = client_new(&local, &err);
	uv_poll_init(client_loop(feed->client), &feed->done, feed->done_fd);
	feed->done.data = feed;
	uv_poll_start(&feed->done, UV_READABLE | UV_DISCONNECT, on_done);
	if (has_escape) {
		config.on_escape = on_escape;
		config.escape = 0x1d;
	}
	feed->input = exec_input_start(&config);
}

static void
feed_fini(struct feed *feed)
{
	exec_input_free(feed->input);
	uv_close((uv_handle_t *)&feed->done, NULL);
	client_free(feed->client);
	close(feed->done_fd);
	close(feed->sponge.fd);
	free(feed->taken);
	fake_stop();
}

static void
assert_taken(const struct feed *feed, const void *bytes, size_t n)
{
	AUTO_BUF got = BUF_INIT(64 << 20);
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, feed->taken, &got, &err), 0);
	assert_int_equal(got.len, n);
	assert_memory_equal(buf_bytes(&got), bytes, n);
}

/* A file of random bytes, open for reading. */
static int
random_file(uint8_t *bytes, size_t n)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "bytes");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)unit_random();
	assert_int_equal(write_full(fd, bytes, n), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* A file of `n' bytes arrives behind what `sponge' has taken of it. */
static void
feed_file(size_t n, struct sponge sponge)
{
	AUTO_FREE uint8_t *bytes = xmalloc(n + 1);
	int fd = random_file(bytes, n);
	struct feed feed = { .sponge = sponge };

	feed_start(&feed, fd, false);
	client_run(feed.client);
	assert_int_equal(feed.n_fails, 0);
	assert_taken(&feed, bytes + sponge.taken, n - sponge.taken);
	feed_fini(&feed);
	close(fd);
}

static void
a_file_arrives_byte_by_byte_with_its_end(void **state UNUSED)
{
	feed_file(0, (struct sponge){ 0 });
	feed_file(1, (struct sponge){ 0 });
	feed_file(65536, (struct sponge){ 0 });
	feed_file(300001, (struct sponge){ 0 });
}

static void
lost_answers_double_nothing(void **state UNUSED)
{
	feed_file(300001, (struct sponge){ .cut = 2 });
}

static void
what_is_taken_in_part_is_sent_on(void **state UNUSED)
{
	feed_file(100000, (struct sponge){ .at_most = 30001 });
}

static void
what_another_client_gave_is_skipped(void **state UNUSED)
{
	feed_file(1000, (struct sponge){ .taken = 10 });
	feed_file(300001, (struct sponge){ .taken = 65536 });
	feed_file(300001, (struct sponge){ .taken = 65537 });
	feed_file(300001, (struct sponge){ .taken = 250000 });
	feed_file(300001, (struct sponge){ .taken = 300001 });
	feed_file(5000000, (struct sponge){ .taken = 4900000 });
	feed_file(300001, (struct sponge){ .taken = 250000, .cut = 2 });
}

static void
less_than_another_client_gave_is_told(void **state UNUSED)
{
	uint8_t bytes[100000];
	int fd = random_file(bytes, sizeof(bytes));
	struct feed feed = { .sponge = { .taken = 100007 } };

	feed_start(&feed, fd, false);
	client_run(feed.client);
	assert_int_equal(feed.n_fails, 1);
	assert_string_equal(feed.err.msg,
			    "the exec has taken 7 bytes more than "
			    "there are here");
	assert_string_equal(feed.err.hint,
			    "'berth exec write e1' goes on behind them");
	assert_taken(&feed, "", 0);
	feed_fini(&feed);
	close(fd);
}

static void
a_terminal_goes_on_where_the_exec_is(void **state UNUSED)
{
	struct feed feed = { .sponge = { .taken = 3 } };
	int master, terminal;

	assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
	assert_int_equal(write(master, "typed\n\4", 7), 7);
	feed_start(&feed, terminal, false);
	client_run(feed.client);
	assert_int_equal(feed.n_fails, 0);
	assert_taken(&feed, "typed\n", 6);
	feed_fini(&feed);
	close(master);
	close(terminal);
}

static void
a_pipe_keeps_its_flags(void **state UNUSED)
{
	struct feed feed = { 0 };
	int fds[2], flags;

	assert_int_equal(pipe(fds), 0);
	flags = fcntl(fds[0], F_GETFL);
	assert_int_equal(write(fds[1], "some text", 9), 9);
	close(fds[1]);
	feed_start(&feed, fds[0], false);
	client_run(feed.client);
	assert_taken(&feed, "some text", 9);
	assert_int_equal(fcntl(fds[0], F_GETFL), flags);
	feed_fini(&feed);
	close(fds[0]);
}

static void
an_exec_that_reads_no_more_is_no_failure(void **state UNUSED)
{
	struct feed feed = { .sponge = { .is_closed = true } };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "unread", 6), 6);
	close(fds[1]);
	feed_start(&feed, fds[0], false);
	client_run(feed.client);
	/* The answer is on its way, if it is not here yet. */
	for (int i = 0; i < 100; i++)
		uv_run(client_loop(feed.client), UV_RUN_NOWAIT);
	assert_int_equal(feed.n_fails, 0);
	assert_taken(&feed, "", 0);
	feed_fini(&feed);
	close(fds[0]);
}

static void
the_escape_stops_it(void **state UNUSED)
{
	struct feed feed = { 0 };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1],
			       "ab\x1d"
			       "cd",
			       5),
			 5);
	feed_start(&feed, fds[0], true);
	client_run(feed.client);
	assert_int_equal(feed.n_escapes, 1);
	assert_taken(&feed, "", 0);
	feed_fini(&feed);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_arrives_byte_by_byte_with_its_end),
		cmocka_unit_test(lost_answers_double_nothing),
		cmocka_unit_test(what_is_taken_in_part_is_sent_on),
		cmocka_unit_test(what_another_client_gave_is_skipped),
		cmocka_unit_test(less_than_another_client_gave_is_told),
		cmocka_unit_test(a_terminal_goes_on_where_the_exec_is),
		cmocka_unit_test(a_pipe_keeps_its_flags),
		cmocka_unit_test(an_exec_that_reads_no_more_is_no_failure),
		cmocka_unit_test(the_escape_stops_it),
	};

	return RUN_TESTS(tests);
}
