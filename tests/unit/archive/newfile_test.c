/* SPDX-License-Identifier: ISC */

#include "archive/newfile.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"

/* Each test runs with and without a name. */
static unsigned flags;

static int
fresh_dir(void)
{
	int fd = open(unit_temp_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
assert_content(int dir_fd, const char *name, const char *content)
{
	AUTO_BUF text = BUF_INIT(1000);
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(dir_fd, name, &text, &err), 0);
	assert_string_equal(buf_text(&text), content);
}

static void
write_new(int dir_fd, const char *name, const char *content, mode_t mode)
{
	struct newfile file = NEWFILE_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(newfile_open(&file, dir_fd, flags, &err), 0);
	assert_int_equal(newfile_write(&file, content, strlen(content), &err),
			 0);
	assert_int_equal(
	    newfile_commit(&file, dir_fd, name, mode, NEWFILE_SYNC, &err), 0);
	newfile_fini(&file);
}

static void
a_file_appears_with_its_mode_and_content(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();
	struct stat st;

	write_new(dir, "new", "content", 0640);
	assert_content(dir, "new", "content");
	assert_int_equal(fstatat(dir, "new", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(unit_n_entries(dir, "."), 1);
}

static void
privilege_bits_never_get_through(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();
	struct stat st;

	write_new(dir, "new", "", 07755);
	assert_int_equal(fstatat(dir, "new", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void
nothing_remains_without_commit(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();
	struct newfile file = NEWFILE_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(newfile_open(&file, dir, flags, &err), 0);
	assert_int_equal(newfile_write(&file, "x", 1, &err), 0);
	newfile_fini(&file);
	newfile_fini(&file);
	assert_int_equal(unit_n_entries(dir, "."), 0);
}

static void
what_was_there_is_replaced_at_once(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();
	AUTO_CLOSE int old = -1;
	char byte;

	write_new(dir, "name", "old", 0600);
	old = openat(dir, "name", O_RDONLY);
	write_new(dir, "name", "new", 0600);
	assert_content(dir, "name", "new");
	assert_int_equal(read_full(old, &byte, 1), 1);
	assert_int_equal(byte, 'o');
	assert_int_equal(unit_n_entries(dir, "."), 1);
}

static void
a_link_is_replaced_and_not_followed(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();

	write_new(dir, "target", "old", 0600);
	assert_int_equal(symlinkat("target", dir, "link"), 0);
	write_new(dir, "link", "new", 0600);
	assert_content(dir, "target", "old");
	assert_content(dir, "link", "new");
}

static void
a_directory_is_never_replaced(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();
	struct newfile file = NEWFILE_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(mkdirat(dir, "dir", 0700), 0);
	assert_int_equal(newfile_open(&file, dir, flags, &err), 0);
	assert_int_equal(newfile_commit(&file, dir, "dir", 0600, 0, &err), -1);
	assert_err(err, ERR_SYSTEM, "failed to rename");
	newfile_fini(&file);
	assert_int_equal(unit_n_entries(dir, "."), 1);
}

static void
the_final_place_may_be_another_directory(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();
	AUTO_CLOSE int sub = -1;
	struct newfile file = NEWFILE_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(newfile_open(&file, dir, flags, &err), 0);
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	sub = openat(dir, "sub", O_PATH | O_DIRECTORY);
	assert_int_equal(
	    newfile_commit(&file, sub, "x", 0600, NEWFILE_SYNC, &err), 0);
	assert_content(dir, "sub/x", "");
	assert_int_equal(unit_n_entries(dir, "."), 1);
}

static void
links_replace_what_has_their_name(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();
	AUTO_CLOSE int fd = -1;
	char target[10] = "";

	write_new(dir, "a", "a", 0600);
	assert_int_equal(newfile_symlink("b", dir, "a"), 0);
	assert_int_equal(newfile_symlink("c", dir, "a"), 0);
	assert_int_equal(readlinkat(dir, "a", target, sizeof(target)), 1);
	assert_string_equal(target, "c");

	write_new(dir, "b", "b", 0600);
	fd = openat(dir, "b", O_PATH);
	assert_int_equal(newfile_link(fd, dir, "a"), 0);
	assert_content(dir, "a", "b");
	/* Again: both names are the same file by now. */
	assert_int_equal(newfile_link(fd, dir, "a"), 0);
	assert_int_equal(unit_n_entries(dir, "."), 2);
}

static void
links_do_not_replace_directories(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();
	AUTO_CLOSE int fd = -1;

	assert_int_equal(mkdirat(dir, "dir", 0700), 0);
	write_new(dir, "a", "a", 0600);
	fd = openat(dir, "a", O_PATH);
	assert_int_equal(newfile_link(fd, dir, "dir"), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(newfile_symlink("a", dir, "dir"), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(unit_n_entries(dir, "."), 2);
}

/* What is being written, what a killed program left, and what is resumed. */
static void
leftovers_are_swept_and_what_can_go_on_is_seen(void **state UNUSED)
{
	static const char key[] = "0123456789abcdef";
	static const char dead[] = ".berth-fedcba9876543210.tmp";
	AUTO_CLOSE int dir = fresh_dir();
	struct newfile live = NEWFILE_INIT, part = NEWFILE_INIT;
	struct err err = ERR_INIT;
	char name[32];

	newfile_key_name(name, key);
	assert_int_equal(newfile_open(&live, dir, 0, &err), 0);
	assert_int_equal(newfile_resume(&part, dir, key, 0, &err), 0);
	write_new(dir, dead, "", 0600);
	assert_false(newfile_tidy(dir, dead, false));
	assert_int_equal(unit_n_entries(dir, "."), 3);
	assert_false(newfile_tidy(dir, dead, true));
	assert_false(newfile_tidy(dir, live.tmp, true));
	assert_false(newfile_tidy(dir, name, true));
	assert_int_equal(unit_n_entries(dir, "."), 2);
	newfile_fini(&part);
	assert_false(newfile_tidy(dir, name, false));
	assert_true(newfile_tidy(dir, name, true));
	newfile_fini(&live);
	assert_int_equal(unit_n_entries(dir, "."), 1);
}

static int
with_a_name(void **state UNUSED)
{
	flags = 0;
	return 0;
}

static int
without_a_name(void **state UNUSED)
{
	flags = NEWFILE_NAMELESS;
	return 0;
}

static void
the_files_of_a_series_have_names_of_their_own(void **state UNUSED)
{
	static const char *const names[] = { "a", "b", "c" };
	AUTO_CLOSE int dir = fresh_dir();
	struct newfile file = NEWFILE_INIT;
	char last[sizeof(file.tmp)] = "";
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(newfile_open(&file, dir, NEWFILE_SERIES, &err),
				 0);
		assert_true(newfile_is_temporary(file.tmp, NULL));
		assert_string_not_equal(file.tmp, last);
		memcpy(last, file.tmp, sizeof(last));
		assert_int_equal(newfile_write(&file, names[i], 1, &err), 0);
		assert_int_equal(
		    newfile_commit(&file, dir, names[i], 0600, 0, &err), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_content(dir, names[i], names[i]);
	assert_int_equal(newfile_open(&file, dir, NEWFILE_SERIES, &err), 0);
	newfile_fini(&file);
	newfile_fini(&file);
	/* Nor is the directory closed. */
	assert_int_equal(unit_n_entries(dir, "."), ARRAY_SIZE(names));
}

static void
a_series_gives_way_to_a_name_that_is_taken(void **state UNUSED)
{
	AUTO_CLOSE int dir = fresh_dir();
	struct newfile file = NEWFILE_INIT;
	struct err err = ERR_INIT;
	char foreseen[32];

	assert_int_equal(newfile_open(&file, dir, NEWFILE_SERIES, &err), 0);
	newfile_fini(&file);
	snprintf(foreseen, sizeof(foreseen), ".berth-%016" PRIx64 ".tmp",
		 file.next);
	assert_int_equal(symlinkat("outside", dir, foreseen), 0);
	assert_int_equal(newfile_open(&file, dir, NEWFILE_SERIES, &err), 0);
	assert_string_not_equal(file.tmp, foreseen);
	newfile_fini(&file);
	/* What was in the way is another's. */
	assert_int_equal(unlinkat(dir, foreseen, 0), 0);
	assert_int_equal(unit_n_entries(dir, "."), 0);
}

/* Each must hold for both kinds of unfinished files. */
#define BOTH(test)                                                             \
	cmocka_unit_test_setup(test, with_a_name),                             \
	    cmocka_unit_test_setup(test, without_a_name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_file_appears_with_its_mode_and_content),
		BOTH(privilege_bits_never_get_through),
		BOTH(nothing_remains_without_commit),
		BOTH(what_was_there_is_replaced_at_once),
		BOTH(a_link_is_replaced_and_not_followed),
		BOTH(a_directory_is_never_replaced),
		BOTH(the_final_place_may_be_another_directory),
		BOTH(links_replace_what_has_their_name),
		BOTH(links_do_not_replace_directories),
		cmocka_unit_test(the_files_of_a_series_have_names_of_their_own),
		cmocka_unit_test(a_series_gives_way_to_a_name_that_is_taken),
		cmocka_unit_test(
		    leftovers_are_swept_and_what_can_go_on_is_seen),
	};

	return RUN_TESTS(tests);
}
