/* SPDX-License-Identifier: ISC */

#include "archive/picked.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "archive/tar.h"
#include "archive/walk.h"
#include "tests/unit/archive/tarball.h"

/* from/d/f (mode 750, an exact time), from/l -> d/f, from/out -> /etc */
static char *
make_tree(void)
{
	char *from = path_join(unit_temp_dir(), "from");
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = 1700000000,
					     .tv_nsec = 123456789 } };
	int fd, dir;

	assert_int_equal(mkdir(from, 0755), 0);
	dir = open(from, O_PATH | O_DIRECTORY);
	assert_int_equal(mkdirat(dir, "d", 0755), 0);
	fd = openat(dir, "d/f", O_CREAT | O_WRONLY, 0750);
	assert_int_equal(write_full(fd, "content", 7), 0);
	assert_int_equal(fchmod(fd, 0750), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
	assert_int_equal(symlinkat("d/f", dir, "l"), 0);
	assert_int_equal(symlinkat("/etc", dir, "out"), 0);
	close(dir);
	return from;
}

static void
what_is_picked_comes_out_with_its_time(void **state UNUSED)
{
	static const char names[] = "d\0d/f\0gone\0l\0out/passwd\0../x";
	AUTO_FREE char *from = make_tree();
	AUTO_FREE char *to = path_join(unit_temp_dir(), "to");
	AUTO_FREE char *file = path_join(to, "d/f");
	AUTO_BUF tar = BUF_INIT(1u << 20);
	struct picked *picked = picked_new(open(from, O_PATH | O_DIRECTORY),
					   names, sizeof(names), 0);
	struct err err = ERR_INIT;
	struct stat st;

	while (picked_read(picked, &tar, &err) > 0)
		;
	/* gone, through a link, above */
	assert_int_equal(picked_n_skipped(picked), 3);
	picked_free(picked);

	assert_int_equal(mkdir(to, 0755), 0);
	assert_int_equal(tarball_unpack(&tar, to), 2);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_size, 7);
	assert_int_equal(st.st_mtim.tv_sec, 1700000000);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
}

static void
on_spoilt(const struct tar_event *event, void *owner)
{
	bool *is_spoilt = owner;

	*is_spoilt |= event->kind == TAR_EVENT_SPOILT;
}

/* Nobody is to take the zeros for what was in it. */
static void
a_file_that_shrinks_while_it_is_read_is_spoilt(void **state UNUSED)
{
	AUTO_FREE char *from = make_tree();
	AUTO_FREE char *file = path_join(from, "d/f");
	AUTO_BUF tar = BUF_INIT(1u << 20);
	struct picked *picked = picked_new(open(from, O_PATH | O_DIRECTORY),
					   "d/f", 4, 0);
	struct err err = ERR_INIT;
	bool is_spoilt = false;

	assert_int_equal(picked_read(picked, &tar, &err), 1);
	assert_int_equal(truncate(file, 3), 0);
	while (picked_read(picked, &tar, &err) > 0)
		;
	picked_free(picked);
	tarball_read(&tar, on_spoilt, &is_spoilt);
	assert_true(is_spoilt);
}

static void
what_is_no_file_any_more_is_left_out(void **state UNUSED)
{
	static const char names[] = "d\0d/f\0fifo\0l\0out/passwd";
	AUTO_FREE char *from = make_tree();
	AUTO_FREE char *fifo = path_join(from, "fifo");
	AUTO_BUF tar = BUF_INIT(1u << 20);
	struct picked *picked = picked_new(open(from, O_PATH | O_DIRECTORY),
					   names, sizeof(names), PICKED_FILES);
	struct tar_reader *reader = tar_reader_new(NULL);
	struct tar_event event;
	struct err err = ERR_INIT;
	const uint8_t *in;
	size_t n;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	while (picked_read(picked, &tar, &err) > 0)
		;
	assert_int_equal(picked_n_skipped(picked), 4);
	picked_free(picked);
	in = buf_bytes(&tar);
	n = tar.len;
	assert_int_equal(tar_read(reader, &in, &n, &event, &err), 1);
	assert_string_equal(event.entry.name, "d/f");
	for (int i = 0; i < 3; i++)
		assert_int_equal(tar_read(reader, &in, &n, &event, &err), 1);
	assert_int_equal(event.kind, TAR_EVENT_END);
	tar_reader_free(reader);
}

static void
a_walk_names_a_directory_before_what_is_in_it(void **state UNUSED)
{
	AUTO_FREE char *from = make_tree();
	struct err err = ERR_INIT;
	struct walk *walk = walk_new(open(from, O_RDONLY | O_DIRECTORY), &err);
	struct walk_entry e;
	bool saw_dir = false, saw_file = false;
	size_t n = 0;

	while (walk_next(walk, &e) > 0) {
		n++;
		saw_dir = saw_dir || strcmp(e.path, "d") == 0;
		if (strcmp(e.path, "d/f") == 0) {
			assert_true(saw_dir);
			assert_string_equal(e.name, "f");
			saw_file = true;
		}
		if (S_ISDIR(e.st.st_mode)) {
			assert_int_equal(walk_enter(walk), 0);
			assert_string_equal(e.path, "d");
		}
	}
	assert_true(saw_file);
	assert_int_equal(n, 4);
	assert_int_equal(walk_n_skipped(walk), 0);
	walk_free(walk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_picked_comes_out_with_its_time),
		cmocka_unit_test(
		    a_file_that_shrinks_while_it_is_read_is_spoilt),
		cmocka_unit_test(what_is_no_file_any_more_is_left_out),
		cmocka_unit_test(a_walk_names_a_directory_before_what_is_in_it),
	};

	return RUN_TESTS(tests);
}
