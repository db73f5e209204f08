/* SPDX-License-Identifier: ISC */

#include "http/sendq.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"

/* A queue before a socket that takes little at a time, and its reader. */
struct line {
	struct sendq q;
	int fd, reader, file;
	struct buf sent, got;
};

#define FILE_SIZE 300000

static int
make_file(size_t n)
{
	AUTO_FREE char *bytes = xmalloc(n);
	char path[] = "/tmp/berth-sendq-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 7 / 5);
	assert_int_equal(write_full(fd, bytes, n), 0);
	return fd;
}

static void
line_init(struct line *l)
{
	int pair[2], size = 4096;

	assert_return_code(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       pair),
	    errno);
	assert_return_code(
	    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
	    errno);
	*l = (struct line){ .fd = pair[0],
			    .reader = pair[1],
			    .file = make_file(FILE_SIZE),
			    .sent = BUF_INIT(SIZE_MAX - 1),
			    .got = BUF_INIT(SIZE_MAX - 1) };
	sendq_init(&l->q, true);
}

static void
line_fini(struct line *l)
{
	sendq_clear(&l->q);
	assert_int_equal(l->q.n_bytes, 0);
	close(l->fd);
	close(l->reader);
	close(l->file);
	buf_fini(&l->sent);
	buf_fini(&l->got);
}

static int
add(struct line *l, const void *bytes, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, n };

	buf_add(&l->sent, bytes, n);
	return sendq_add(&l->q, l->fd, &iov, 1, false);
}

static int
add_file(struct line *l, uint64_t offset, size_t n)
{
	AUTO_FREE char *bytes = xmalloc(n);

	assert_int_equal(pread_full(l->file, bytes, n, offset), n);
	buf_add(&l->sent, bytes, n);
	return sendq_add_file(&l->q, l->fd, l->file, offset, n);
}

static void
drain(struct line *l)
{
	char room[1000];
	ssize_t n;

	for (;;) {
		assert_int_equal(sendq_flush(&l->q, l->fd, 10000), 0);
		n = recv(l->reader, room, sizeof(room), 0);
		if (n <= 0 && l->q.n_bytes == 0)
			return;
		if (n > 0)
			buf_add(&l->got, room, (size_t)n);
	}
}

static void
assert_all_came(struct line *l)
{
	drain(l);
	assert_int_equal(l->got.len, l->sent.len);
	assert_memory_equal(buf_bytes(&l->got), buf_bytes(&l->sent),
			    l->sent.len);
}

static void
bytes_and_files_keep_their_order(void **state UNUSED)
{
	AUTO_FREE char *block = xmalloc(40000);
	struct line l;

	line_init(&l);
	for (int i = 0; i < 200; i++) {
		size_t n = unit_below(40000), at = unit_below(FILE_SIZE);

		memset(block, i, 40000);
		assert_int_equal(add(&l, block, n), 0);
		n = unit_below(FILE_SIZE - at + 1);
		if (i % 3)
			n %= 1000;
		assert_int_equal(add_file(&l, at, n), 0);
		if (i % 50 == 49)
			drain(&l);
	}
	assert_all_came(&l);
	line_fini(&l);
}

static void
large_range_costs_one_descriptor_and_small_ones_none(void **state UNUSED)
{
	struct line l;
	size_t before;

	line_init(&l);
	before = unit_n_entries(AT_FDCWD, "/proc/self/fd");
	for (int i = 0; i < 500; i++)
		assert_int_equal(add_file(&l, 10, 1000), 0);
	assert_int_equal(unit_n_entries(AT_FDCWD, "/proc/self/fd"), before);
	assert_int_equal(add_file(&l, 0, FILE_SIZE), 0);
	assert_int_equal(unit_n_entries(AT_FDCWD, "/proc/self/fd"), before + 1);
	assert_all_came(&l);
	assert_int_equal(unit_n_entries(AT_FDCWD, "/proc/self/fd"), before);
	line_fini(&l);
}

static void
short_file_is_an_error_wherever_it_is_noticed(void **state UNUSED)
{
	struct line l;
	AUTO_FREE char *fill = xcalloc(1, 100000);

	line_init(&l);
	assert_int_equal(sendq_add_file(&l.q, l.fd, l.file, FILE_SIZE, 10), -1);
	assert_int_equal(errno, ENODATA);
	line_fini(&l);

	/* While it waits behind bytes, as bytes. */
	line_init(&l);
	assert_int_equal(add(&l, fill, 100000), 0);
	assert_int_equal(sendq_add_file(&l.q, l.fd, l.file, FILE_SIZE - 5, 10),
			 -1);
	assert_int_equal(errno, ENODATA);
	line_fini(&l);

	/* When its turn comes. */
	line_init(&l);
	assert_int_equal(sendq_add_file(&l.q, l.fd, l.file, 0, FILE_SIZE + 1),
			 0);
	for (int rc = 0; rc == 0;) {
		char room[4096];

		rc = sendq_flush(&l.q, l.fd, 10000);
		if (rc < 0)
			assert_int_equal(errno, ENODATA);
		(void)recv(l.reader, room, sizeof(room), 0);
	}
	line_fini(&l);
}

static void
closed_reader_is_an_error(void **state UNUSED)
{
	struct line l;

	line_init(&l);
	close(l.reader);
	assert_int_equal(add(&l, "a", 1), -1);
	assert_int_equal(errno, EPIPE);
	l.reader = dup(l.fd);
	line_fini(&l);
}

static void
file_goes_down_a_pipe_and_a_terminal(void **state UNUSED)
{
	int pipe_fds[2], n = 0;
	char room[1000];
	struct sendq q;
	int file = make_file(500), master;
	AUTO_CLOSE int slave = -1;

	assert_return_code(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), errno);
	sendq_init(&q, false);
	assert_int_equal(sendq_add_file(&q, pipe_fds[1], file, 100, 400), 0);
	assert_int_equal(read(pipe_fds[0], room, sizeof(room)), 400);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(file);

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(master >= 0 && grantpt(master) == 0 &&
		    unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	file = make_file(0);
	assert_int_equal(write_full(file, "hello", 5), 0);
	assert_int_equal(sendq_add_file(&q, slave, file, 1, 4), 0);
	n = (int)read(master, room, sizeof(room));
	assert_int_equal(n, 4);
	assert_memory_equal(room, "ello", 4);
	close(master);
	close(file);
}

static void
file_that_cannot_be_sent_is_copied(void **state UNUSED)
{
	AUTO_CLOSE int self = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	struct line l;

	line_init(&l);
	assert_int_equal(sendq_add_file(&l.q, l.fd, self, 0, 6), 0);
	drain(&l);
	assert_string_equal(buf_text(&l.got), "Name:\t");
	line_fini(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_and_files_keep_their_order),
		cmocka_unit_test(
		    large_range_costs_one_descriptor_and_small_ones_none),
		cmocka_unit_test(short_file_is_an_error_wherever_it_is_noticed),
		cmocka_unit_test(closed_reader_is_an_error),
		cmocka_unit_test(file_goes_down_a_pipe_and_a_terminal),
		cmocka_unit_test(file_that_cannot_be_sent_is_copied),
	};

	return RUN_TESTS(tests);
}
