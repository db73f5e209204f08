/* SPDX-License-Identifier: ISC */

#include "berth/sink.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "core/fs.h"
#include "core/mem.h"

static void
assert_written(enum sink_mode mode, const void *bytes, size_t n,
	       const void *wanted, size_t n_wanted)
{
	int fd = memfd_create("sink", MFD_CLOEXEC);
	AUTO_BUF got = BUF_INIT(64 << 20);
	struct err err = ERR_INIT;
	struct sink sink;

	sink_init(&sink, fd, mode);
	sink_add(&sink, bytes, n);
	sink_end(&sink);
	assert_int_equal(sink.failed, 0);
	sink_fini(&sink);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(fs_read_fd(fd, &got, &err), 0);
	assert_int_equal(got.len, n_wanted);
	assert_memory_equal(buf_bytes(&got), wanted, n_wanted);
	close(fd);
}

static void
raw_bytes_are_exact(void **state UNUSED)
{
	size_t n = 1000003;
	AUTO_FREE uint8_t *bytes = xmalloc(n);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)unit_random();
	assert_written(SINK_RAW, bytes, n, bytes, n);
}

static void
terminals_get_filtered_bytes(void **state UNUSED)
{
	assert_written(SINK_SHOW, "a\033[31m\xff", 7, "a\\x1b[31m\\xff", 13);
	assert_written(SINK_COLOUR, "a\033[31m", 6, "a\033[31m\033[0m", 10);
}

static void
nothing_is_too_much_to_show(void **state UNUSED)
{
	size_t n = 700000;
	AUTO_FREE char *bytes = xmalloc(n), *wanted = xmalloc(4 * n + 1);

	memset(bytes, '\001', n);
	for (size_t i = 0; i < n; i++)
		memcpy(wanted + 4 * i, "\\x01", 4);
	assert_written(SINK_SHOW, bytes, n, wanted, 4 * n);
}

static void
a_closed_pipe_is_told(void **state UNUSED)
{
	struct sink sink;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	sink_init(&sink, fds[1], SINK_RAW);
	sink_add(&sink, "x", 1);
	sink_flush(&sink);
	assert_int_equal(sink.failed, EPIPE);
	sink_add(&sink, "y", 1);
	sink_end(&sink);
	sink_fini(&sink);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_bytes_are_exact),
		cmocka_unit_test(terminals_get_filtered_bytes),
		cmocka_unit_test(nothing_is_too_much_to_show),
		cmocka_unit_test(a_closed_pipe_is_told),
	};

	return RUN_TESTS(tests);
}
