/* SPDX-License-Identifier: ISC */

#include "core/fs.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"

static int
open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static mode_t
mode_of(int dir, const char *name)
{
	struct stat st;

	assert_return_code(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static bool
exists(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
put(int dir, const char *name, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(
	    fs_write_atomic(dir, name, text, strlen(text), 0, &err), 0);
}

static void
file_is_read_whole_or_refused_as_too_large(void **state UNUSED)
{
	AUTO_CLOSE int dir = open_dir(unit_temp_dir());
	AUTO_BUF exact = BUF_INIT(10), small = BUF_INIT(9);
	struct err err = ERR_INIT;

	put(dir, "f", "0123456789");
	assert_int_equal(fs_read_file(dir, "f", &exact, &err), 0);
	assert_string_equal(buf_text(&exact), "0123456789");
	assert_int_equal(fs_read_file(dir, "f", &small, &err), -1);
	assert_err(err, ERR_LIMIT, "f: larger than 9 bytes");
}

static void
missing_file_is_not_found_and_others_are_refused(void **state UNUSED)
{
	AUTO_CLOSE int dir = open_dir(unit_temp_dir());
	AUTO_BUF out = BUF_INIT(100);
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(dir, "no", &out, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "open no: No such file");
	put(dir, "f", "");
	assert_int_equal(fs_read_file(dir, "f/x", &out, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "open f/x");
	assert_int_equal(fs_read_file(dir, ".", &out, &err), -1);
	assert_err(err, ERR_SYSTEM, "Is a directory");
	assert_int_equal(fs_read_file(dir, "f", &out, &err), 0);
	assert_int_equal(out.len, 0);
}

static void
bytes_are_read_at_an_offset_without_moving(void **state UNUSED)
{
	AUTO_CLOSE int dir = open_dir(unit_temp_dir());
	AUTO_CLOSE int fd = -1;
	char got[8] = "";

	put(dir, "f", "0123456789");
	fd = openat(dir, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread_full(fd, got, 4, 6), 4);
	assert_memory_equal(got, "6789", 4);
	assert_int_equal(pread_full(fd, got, 4, 8), 2);
	assert_int_equal(pread_full(fd, got, 4, 20), 0);
	assert_int_equal(read_full(fd, got, 3), 3);
	assert_memory_equal(got, "012", 3);
	assert_int_equal(pread_full(-1, got, 4, 0), -1);
}

static void
file_is_replaced_at_once_and_private(void **state UNUSED)
{
	const char *path = unit_temp_dir();
	AUTO_CLOSE int dir = open_dir(path);
	struct err err = ERR_INIT;

	for (int i = 0; i < 3; i++) {
		AUTO_FREE char *text = xasprintf("version %d", i);
		AUTO_BUF got = BUF_INIT(100);

		assert_int_equal(fs_write_atomic(dir, "f", text, strlen(text),
						 FS_WRITE_SYNC, &err),
				 0);
		assert_int_equal(fs_read_file(dir, "f", &got, &err), 0);
		assert_string_equal(buf_text(&got), text);
	}
	assert_int_equal(mode_of(dir, "f"), 0600);
	assert_int_equal(unit_n_entries(AT_FDCWD, path), 1);
}

/* A link is replaced, not followed; a failure leaves no debris. */
static void
replacing_never_writes_elsewhere(void **state UNUSED)
{
	const char *path = unit_temp_dir();
	AUTO_CLOSE int dir = open_dir(path);
	AUTO_BUF got = BUF_INIT(100);
	struct err err = ERR_INIT;

	put(dir, "target", "safe");
	assert_return_code(symlinkat("target", dir, "f"), 0);
	put(dir, "f", "new");
	assert_int_equal(fs_read_file(dir, "target", &got, &err), 0);
	assert_string_equal(buf_text(&got), "safe");

	assert_return_code(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(fs_write_atomic(dir, "d", "x", 1, 0, &err), -1);
	assert_err(err, ERR_SYSTEM, "rename d");
	assert_int_equal(fs_write_atomic(dir, "no/f", "x", 1, 0, &err), -1);
	assert_int_equal(unit_n_entries(AT_FDCWD, path), 3);
}

static void
directories_are_made_with_their_parents(void **state UNUSED)
{
	const char *path = unit_temp_dir();
	AUTO_CLOSE int dir = open_dir(path);
	AUTO_FREE char *deep = path_join(path, "a//b/../c/");
	AUTO_FREE char *file = path_join(path, "f");
	AUTO_FREE char *below = path_join(path, "f/x");
	AUTO_FREE char *linked = path_join(path, "l/x");
	struct err err = ERR_INIT;

	assert_int_equal(fs_mkdir_parents(deep, &err), 0);
	assert_int_equal(fs_mkdir_parents(deep, &err), 0);
	assert_int_equal(fs_mkdir_parents("/", &err), 0);
	assert_int_equal(mode_of(dir, "a/c"), 0700);
	assert_int_equal(mode_of(dir, "a"), 0700);
	assert_false(exists(dir, "a/b"));

	assert_return_code(symlinkat("a", dir, "l"), 0);
	assert_int_equal(fs_mkdir_parents(linked, &err), 0);
	assert_true(exists(dir, "a/x"));

	put(dir, "f", "");
	assert_int_equal(fs_mkdir_parents(file, &err), -1);
	assert_err(err, ERR_SYSTEM, "f: Not a directory");
	assert_int_equal(fs_mkdir_parents(below, &err), -1);
	assert_err(err, ERR_SYSTEM, "Not a directory");
}

static void
private_directory_is_closed_to_others(void **state UNUSED)
{
	const char *path = unit_temp_dir();
	AUTO_CLOSE int dir = open_dir(path);
	AUTO_FREE char *made = path_join(path, "a/b");
	struct err err = ERR_INIT;

	assert_int_equal(fs_mkdir_private(made, &err), 0);
	assert_int_equal(mode_of(dir, "a/b"), 0700);
	assert_return_code(fchmodat(dir, "a/b", 0755, 0), 0);
	assert_int_equal(fs_mkdir_private(made, &err), 0);
	assert_int_equal(mode_of(dir, "a/b"), 0700);
}

static void
private_directory_is_no_link_and_no_file(void **state UNUSED)
{
	const char *path = unit_temp_dir();
	AUTO_CLOSE int dir = open_dir(path);
	AUTO_FREE char *link = path_join(path, "link");
	AUTO_FREE char *slash = path_join(path, "link/");
	AUTO_FREE char *file = path_join(path, "file");
	struct err err = ERR_INIT;

	assert_return_code(mkdirat(dir, "real", 0755), 0);
	assert_return_code(symlinkat("real", dir, "link"), 0);
	assert_int_equal(fs_mkdir_private(link, &err), -1);
	assert_err(err, ERR_DENIED, "link is not a directory");
	assert_string_equal(err.hint, "remove it");
	assert_int_equal(fs_mkdir_private(slash, &err), -1);
	assert_err(err, ERR_DENIED, "is not a directory");
	assert_int_equal(mode_of(dir, "real"), 0755);

	put(dir, "file", "");
	assert_int_equal(fs_mkdir_private(file, &err), -1);
	assert_err(err, ERR_DENIED, "file is not a directory");
}

static void
directory_of_another_user_is_refused_by_name(void **state UNUSED)
{
	AUTO_FREE char *theirs = path_join(unit_temp_dir(), "theirs");
	struct err err = ERR_INIT;

	if (geteuid() != 0)
		skip(); /* only root can give a directory away */
	assert_return_code(mkdir(theirs, 0777), 0);
	assert_return_code(chown(theirs, 4242, 4242), 0);
	assert_int_equal(fs_mkdir_private(theirs, &err), -1);
	assert_err(err, ERR_DENIED, "theirs belongs to uid 4242, not to uid 0");
	assert_true(strlen(err.hint) > 0);
}

static void
tree_is_removed_without_following_links(void **state UNUSED)
{
	const char *path = unit_temp_dir();
	AUTO_CLOSE int dir = open_dir(path);
	AUTO_FREE char *deep = path_join(path, "t/a/b");
	struct err err = ERR_INIT;

	assert_return_code(mkdirat(dir, "kept", 0700), 0);
	put(dir, "kept/f", "x");
	assert_int_equal(fs_mkdir_parents(deep, &err), 0);
	put(dir, "t/a/f", "x");
	put(dir, "t/a/b/.hidden", "x");
	assert_return_code(symlinkat("../kept", dir, "t/link"), 0);
	assert_return_code(symlinkat("/nowhere", dir, "t/dangling"), 0);
	assert_return_code(mkfifoat(dir, "t/fifo", 0600), 0);

	assert_int_equal(fs_remove_tree(dir, "t", &err), 0);
	assert_int_equal(fs_remove_tree(dir, "t", &err), 0);
	assert_true(exists(dir, "kept/f"));
	assert_return_code(symlinkat("kept", dir, "link"), 0);
	assert_int_equal(fs_remove_tree(dir, "link", &err), 0);
	assert_true(exists(dir, "kept/f"));
	assert_int_equal(fs_remove_tree(dir, "kept", &err), 0);
	assert_int_equal(unit_n_entries(AT_FDCWD, path), 0);
}

static bool
remove_closed_tree(void *path)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *inner = path_join(path, "mod/pkg");
	AUTO_CLOSE int dir = -1, sub = -1;

	if (fs_mkdir_parents(inner, &err) < 0 || (dir = open_dir(path)) < 0)
		return false;
	sub = open_dir(inner);
	if (fs_write_atomic(sub, "f", "x", 1, 0, &err) < 0 ||
	    fchmodat(dir, "mod/pkg", 0555, 0) < 0 ||
	    fchmodat(dir, "mod", 0, 0) < 0)
		return false;
	if (fs_remove_tree(dir, "mod", &err) < 0) {
		print_error("%s\n", err.msg);
		return false;
	}
	return !exists(dir, "mod");
}

/* Caches of build tools are full of directories without a write bit. */
static void
tree_is_removed_though_its_directories_are_read_only(void **state UNUSED)
{
	const char *path = unit_temp_dir();

	assert_return_code(chmod(path, 0777), 0);
	unit_as_nobody(remove_closed_tree, (void *)(uintptr_t)path);
}

/* A command can nest deeper than we may open files. */
static void
tree_is_removed_however_deep_it_is(void **state UNUSED)
{
	struct rlimit few = { 64, 64 }, before;
	const char *path = unit_temp_dir();
	AUTO_CLOSE int dir = open_dir(path);
	struct err err = ERR_INIT;
	int at = open_dir(path);

	for (int i = 0; i < 3000; i++) {
		int next;

		assert_return_code(mkdirat(at, "d", 0700), 0);
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
	assert_return_code(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &few), 0);
	if (fs_remove_tree(dir, "d", &err) < 0)
		fail_msg("%s", err.msg);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(unit_n_entries(AT_FDCWD, path), 0);
}

static void
flags_are_set_on_descriptors(void **state UNUSED)
{
	int ends[2];

	assert_return_code(pipe(ends), 0);
	fd_set_nonblock(ends[0]);
	fd_set_nonblock(ends[0]);
	fd_set_cloexec(ends[0], true);
	assert_true(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	fd_set_cloexec(ends[0], false);
	assert_int_equal(fcntl(ends[0], F_GETFD), 0);
	close(ends[0]);
	close(ends[1]);
}

static void
what_is_closed_is_not_closed_again(void **state UNUSED)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), was = fd;

	fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(was, F_GETFD), -1);
	fd_close(&fd);
	assert_int_equal(fd, -1);
}

/* What is not known to keep names must not be trusted with them. */
static void
only_journals_of_names_keep_names(void **state UNUSED)
{
	AUTO_CLOSE int proc = open_dir("/proc");
	AUTO_CLOSE int memory = memfd_create("fs_test", MFD_CLOEXEC);

	assert_false(fs_syncs_names(proc));
	assert_false(fs_syncs_names(memory));
	assert_false(fs_syncs_names(-1));
}

static void
lock_keeps_others_out_until_it_is_closed(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "lock");
	struct err err = ERR_INIT;
	int first = fs_lock(path, 0, &err);

	assert_true(first >= 0);
	assert_int_equal(fs_lock(path, 30, &err), -1);
	assert_err(err, ERR_TIMEOUT, "another program holds");
	close(first);
	first = fs_lock(path, 0, &err);
	assert_true(first >= 0);
	close(first);
}

static void
replaced_file_is_whole_and_private(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "file");
	AUTO_BUF text = BUF_INIT(64);
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(fs_replace(path, "one", 3, 0, &err), 0);
	assert_int_equal(fs_replace(path, "two", 3, FS_WRITE_SYNC, &err), 0);
	assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &err), 0);
	assert_string_equal(buf_text(&text), "two");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fs_replace("/nowhere/x", "", 0, 0, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_is_read_whole_or_refused_as_too_large),
		cmocka_unit_test(
		    missing_file_is_not_found_and_others_are_refused),
		cmocka_unit_test(bytes_are_read_at_an_offset_without_moving),
		cmocka_unit_test(file_is_replaced_at_once_and_private),
		cmocka_unit_test(replacing_never_writes_elsewhere),
		cmocka_unit_test(only_journals_of_names_keep_names),
		cmocka_unit_test(directories_are_made_with_their_parents),
		cmocka_unit_test(private_directory_is_closed_to_others),
		cmocka_unit_test(private_directory_is_no_link_and_no_file),
		cmocka_unit_test(directory_of_another_user_is_refused_by_name),
		cmocka_unit_test(tree_is_removed_without_following_links),
		cmocka_unit_test(
		    tree_is_removed_though_its_directories_are_read_only),
		cmocka_unit_test(tree_is_removed_however_deep_it_is),
		cmocka_unit_test(flags_are_set_on_descriptors),
		cmocka_unit_test(what_is_closed_is_not_closed_again),
		cmocka_unit_test(lock_keeps_others_out_until_it_is_closed),
		cmocka_unit_test(replaced_file_is_whole_and_private),
	};

	return RUN_TESTS(tests);
}
