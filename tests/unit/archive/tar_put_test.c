/* SPDX-License-Identifier: ISC */

#include "archive/tar_put.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "archive/tar.h"
#include "archive/walk.h"
#include "tests/unit/archive/tarball.h"

#define SIZE 1000
#define PIECE 300

/* Where a header tells the user. */
#define UID_AT 108

/* A directory with "file": 1000 bytes, changed at an exact time. */
static int
open_dir(char **ret_dir)
{
	char *dir = path_join(unit_temp_dir(), "tree");
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = 1700000000,
					     .tv_nsec = 123456789 } };
	char bytes[SIZE];
	int at, fd;

	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(mkdir(dir, 0755), 0);
	at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = openat(at, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0640);
	assert_int_equal(write_full(fd, bytes, sizeof(bytes)), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
	*ret_dir = dir;
	return at;
}

static struct walk_entry
entry_of(int at, const char *name)
{
	struct walk_entry e = { .path = name, .name = name, .dir_fd = at };

	assert_int_equal(fstatat(at, name, &e.st, AT_SYMLINK_NOFOLLOW), 0);
	return e;
}

/* Put "file", cut off meanwhile at `cut' bytes; end the archive. */
static uint64_t
put_file(unsigned flags, off_t cut, struct buf *out)
{
	AUTO_FREE char *dir = NULL;
	AUTO_CLOSE int at = open_dir(&dir);
	AUTO_FREE char *file = path_join(dir, "file");
	struct walk_entry e = entry_of(at, "file");
	struct tar_put put;

	tar_put_init(&put, flags, PIECE);
	assert_int_equal(tar_put_entry(&put, out, &e), 0);
	assert_int_equal(truncate(file, cut), 0);
	for (size_t n = 0; n < SIZE; n += PIECE) {
		assert_true(tar_put_is_busy(&put));
		assert_int_equal(tar_put_piece(&put, out), 0);
	}
	assert_false(tar_put_is_busy(&put));
	tar_put_fini(&put);
	assert_int_equal(tar_add_end(out), 0);
	return put.n_skipped;
}

/* What an archive of one file tells of it. */
struct told {
	int64_t mtime_ns;
	size_t n;
	bool is_spoilt;
};

static void
on_event(const struct tar_event *event, void *owner)
{
	struct told *told = owner;

	if (event->kind == TAR_EVENT_ENTRY)
		told->mtime_ns = event->entry.mtime_ns;
	if (event->kind == TAR_EVENT_DATA)
		told->n += event->n;
	if (event->kind == TAR_EVENT_SPOILT)
		told->is_spoilt = true;
}

static struct told
read_back(const struct buf *archive)
{
	struct told told = { 0 };

	tarball_read(archive, on_event, &told);
	assert_int_equal(told.n, SIZE);
	return told;
}

static void
a_file_is_put_piece_by_piece(void **state UNUSED)
{
	AUTO_BUF exact = BUF_INIT(1u << 16), plain = BUF_INIT(1u << 16);
	struct told told;

	assert_int_equal(put_file(TAR_PUT_NSEC, SIZE, &exact), 0);
	told = read_back(&exact);
	assert_int_equal(told.mtime_ns, 1700000000123456789);
	assert_false(told.is_spoilt);
	assert_int_equal(put_file(0, SIZE, &plain), 0);
	told = read_back(&plain);
	assert_int_equal(told.mtime_ns, 1700000000000000000);
	assert_false(told.is_spoilt);
}

static void
a_file_that_shrinks_is_told_as_spoilt(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(1u << 16);

	assert_int_equal(put_file(0, 10, &out), 0);
	assert_true(read_back(&out).is_spoilt);
}

static void
owners_are_told_if_asked_for(void **state UNUSED)
{
	AUTO_BUF with = BUF_INIT(4096), without = BUF_INIT(4096);
	AUTO_FREE char *dir = NULL;
	AUTO_CLOSE int at = open_dir(&dir);
	struct walk_entry e = entry_of(at, ".");
	struct tar_put put;

	e.path = "d";
	e.st.st_uid = 01234;
	tar_put_init(&put, TAR_PUT_OWNERS, PIECE);
	assert_int_equal(tar_put_entry(&put, &with, &e), 0);
	tar_put_init(&put, 0, PIECE);
	assert_int_equal(tar_put_entry(&put, &without, &e), 0);
	assert_string_equal(buf_text(&with) + UID_AT, "0001234");
	assert_string_equal(buf_text(&without) + UID_AT, "0000000");
}

static void
what_is_no_file_or_is_gone_is_counted(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(4096);
	AUTO_FREE char *dir = NULL;
	AUTO_CLOSE int at = open_dir(&dir);
	struct walk_entry e = entry_of(at, "file");
	struct tar_put put;

	assert_int_equal(unlinkat(at, "file", 0), 0);
	tar_put_init(&put, 0, PIECE);
	assert_int_equal(tar_put_entry(&put, &out, &e), 0);
	assert_int_equal(mkfifoat(at, "file", 0600), 0);
	assert_int_equal(tar_put_entry(&put, &out, &e), 0);
	e = entry_of(at, "file");
	assert_int_equal(tar_put_entry(&put, &out, &e), 0);
	assert_int_equal(put.n_skipped, 3);
	assert_int_equal(out.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_put_piece_by_piece),
		cmocka_unit_test(a_file_that_shrinks_is_told_as_spoilt),
		cmocka_unit_test(owners_are_told_if_asked_for),
		cmocka_unit_test(what_is_no_file_or_is_gone_is_counted),
	};

	return RUN_TESTS(tests);
}
