/* SPDX-License-Identifier: ISC */

#include "berthd/file/pack.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "archive/tar.h"
#include "tests/unit/archive/tarball.h"

#define MAX_ARCHIVE (8u << 20)

static char *
fresh_dir(void)
{
	return xstrdup(unit_temp_dir());
}

static void
put_file(const char *dir, const char *name, size_t size)
{
	AUTO_FREE char *path = path_join(dir, name);
	AUTO_FREE char *bytes = xcalloc(1, size + 1);
	struct err err = ERR_INIT;

	memset(bytes, name[0], size);
	assert_int_equal(fs_write_atomic(AT_FDCWD, path, bytes, size, 0, &err),
			 0);
}

static void
put_dir(const char *dir, const char *name)
{
	AUTO_FREE char *path = path_join(dir, name);

	assert_int_equal(mkdir(path, 0750), 0);
}

static struct pack *
open_pack(const char *dir, char *const *excludes)
{
	struct err err = ERR_INIT;
	struct pack *pack = pack_new(
	    open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), excludes, &err);

	assert_non_null(pack);
	return pack;
}

static void
read_rest(struct pack *pack, struct buf *out)
{
	struct err err = ERR_INIT;

	while (pack_read(pack, out, &err) > 0)
		;
	assert_int_equal(err.code, ERR_NONE);
	assert_int_equal(out->len % TAR_BLOCK, 0);
}

static uint64_t
pack_dir(const char *dir, char *const *excludes, struct buf *out)
{
	struct pack *pack = open_pack(dir, excludes);
	uint64_t n_skipped;

	read_rest(pack, out);
	n_skipped = pack_n_skipped(pack);
	pack_free(pack);
	return n_skipped;
}

static void
on_event(const struct tar_event *event, void *owner)
{
	char ***names = owner;

	if (event->kind == TAR_EVENT_ENTRY)
		strv_add(names, event->entry.name);
	if (event->kind == TAR_EVENT_SPOILT)
		strv_add(names, "(spoilt)");
}

/* The names in the archive, each with a newline, sorted. */
static void
list_names(const struct buf *archive, struct buf *out)
{
	AUTO_STRV char **names = NULL;

	tarball_read(archive, on_event, &names);
	if (names)
		strv_sort(names);
	for (char **name = names; name && *name; name++)
		buf_addf(out, "%s\n", *name);
}

static void
a_tree_comes_back_as_it_was(void **state UNUSED)
{
	AUTO_FREE char *from = fresh_dir(), *to = fresh_dir();
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE), again = BUF_INIT(MAX_ARCHIVE);
	AUTO_FREE char *link = path_join(from, "link");

	put_dir(from, "d");
	put_dir(from, "d/empty");
	put_file(from, "d/a", 100000);
	put_file(from, "d/block", 512);
	put_file(from, "none", 0);
	assert_int_equal(symlink("d/a", link), 0);
	assert_int_equal(pack_dir(from, NULL, &archive), 0);

	assert_int_equal(tarball_unpack(&archive, to), 4);

	/* The same names in it, of the same size. */
	assert_int_equal(pack_dir(to, NULL, &again), 0);
	assert_int_equal(again.len, archive.len);
	{
		AUTO_BUF names = BUF_INIT(1000), names_again = BUF_INIT(1000);

		list_names(&archive, &names);
		list_names(&again, &names_again);
		assert_string_equal(buf_text(&names),
				    "d\nd/a\nd/block\nd/empty\nlink\nnone\n");
		assert_string_equal(buf_text(&names), buf_text(&names_again));
	}
}

static void
excluded_names_are_left_out_with_all_below(void **state UNUSED)
{
	AUTO_FREE char *dir = fresh_dir();
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE), names = BUF_INIT(1000);
	char *excludes[] = { (char[]){ "*.o" }, (char[]){ ".git" },
			     (char[]){ "[a" }, (char[]){ "?" }, NULL };

	put_dir(dir, ".git");
	put_file(dir, ".git/config", 1);
	put_dir(dir, "src");
	put_file(dir, "src/one.c", 1);
	put_file(dir, "src/one.o", 1);
	put_file(dir, ".o", 1);
	put_file(dir, "x", 1);
	put_file(dir, "[a", 1);
	assert_int_equal(pack_dir(dir, excludes, &archive), 0);
	list_names(&archive, &names);
	assert_string_equal(buf_text(&names), "src\nsrc/one.c\n");
}

static void
what_is_neither_file_nor_directory_nor_link_is_left_out(void **state UNUSED)
{
	AUTO_FREE char *dir = fresh_dir();
	AUTO_FREE char *fifo = path_join(dir, "fifo");
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE), names = BUF_INIT(1000);

	assert_int_equal(mkfifo(fifo, 0600), 0);
	put_file(dir, "file", 1);
	assert_int_equal(pack_dir(dir, NULL, &archive), 0);
	list_names(&archive, &names);
	assert_string_equal(buf_text(&names), "file\n");
}

static void
links_to_directories_are_not_followed(void **state UNUSED)
{
	AUTO_FREE char *dir = fresh_dir();
	AUTO_FREE char *link = path_join(dir, "self");
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE), names = BUF_INIT(1000);

	assert_int_equal(symlink(".", link), 0);
	assert_int_equal(pack_dir(dir, NULL, &archive), 0);
	list_names(&archive, &names);
	assert_string_equal(buf_text(&names), "self\n");
}

static void
a_file_that_shrinks_is_spoilt_and_counted(void **state UNUSED)
{
	AUTO_FREE char *dir = fresh_dir();
	AUTO_FREE char *path = path_join(dir, "file");
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE), names = BUF_INIT(1000);
	struct err err = ERR_INIT;
	struct pack *pack;

	put_file(dir, "file", 300000);
	pack = open_pack(dir, NULL);
	while (archive.len == 0)
		assert_int_equal(pack_read(pack, &archive, &err), 1);
	assert_int_equal(truncate(path, 100000), 0);
	read_rest(pack, &archive);
	assert_int_equal(pack_n_skipped(pack), 1);
	pack_free(pack);
	list_names(&archive, &names);
	assert_string_equal(buf_text(&names), "(spoilt)\nfile\n");
}

static bool
skips_as_nobody(void *arg)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	struct err err = ERR_INIT;
	struct pack *pack = pack_new(
	    open(arg, O_RDONLY | O_DIRECTORY | O_CLOEXEC), NULL, &err);
	uint64_t n_skipped;

	if (pack == NULL)
		return false;
	while (pack_read(pack, &archive, &err) > 0)
		;
	n_skipped = pack_n_skipped(pack);
	pack_free(pack);
	return n_skipped == 2;
}

static void
what_cannot_be_read_is_skipped_and_counted(void **state UNUSED)
{
	AUTO_FREE char *dir = fresh_dir();
	AUTO_FREE char *file = path_join(dir, "file");
	AUTO_FREE char *sub = path_join(dir, "dir");
	AUTO_FREE char *readable = path_join(dir, "readable");

	put_file(dir, "file", 1);
	put_file(dir, "readable", 1);
	assert_int_equal(chmod(readable, 0644), 0);
	put_dir(dir, "dir");
	assert_int_equal(chmod(file, 0), 0);
	assert_int_equal(chmod(sub, 0), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	unit_as_nobody(skips_as_nobody, dir);
}

/* The names in it are known, what they name is not. */
static bool
tells_dir_as_nobody(void *arg)
{
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE), names = BUF_INIT(1000);
	struct err err = ERR_INIT;
	struct pack *pack = pack_new(
	    open(arg, O_RDONLY | O_DIRECTORY | O_CLOEXEC), NULL, &err);
	uint64_t n_skipped;

	if (pack == NULL)
		return false;
	while (pack_read(pack, &archive, &err) > 0)
		;
	n_skipped = pack_n_skipped(pack);
	pack_free(pack);
	list_names(&archive, &names);
	return n_skipped == 1 && str_eq(buf_text(&names), "dir\n");
}

static void
a_directory_that_can_only_be_listed_is_there(void **state UNUSED)
{
	AUTO_FREE char *dir = fresh_dir();
	AUTO_FREE char *sub = path_join(dir, "dir");

	put_dir(dir, "dir");
	put_file(sub, "file", 1);
	assert_int_equal(chmod(sub, 0444), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	unit_as_nobody(tells_dir_as_nobody, dir);
}

static void
depth_has_a_limit(void **state UNUSED)
{
	AUTO_FREE char *dir = fresh_dir();
	AUTO_BUF archive = BUF_INIT(MAX_ARCHIVE);
	AUTO_CLOSE int at = open(dir, O_PATH | O_DIRECTORY);
	struct err err = ERR_INIT;

	for (int i = 0; i < 300; i++) {
		int next;

		assert_int_equal(mkdirat(at, "d", 0700), 0);
		next = openat(at, "d", O_PATH | O_DIRECTORY);
		close(at);
		at = next;
	}
	assert_int_equal(pack_dir(dir, NULL, &archive), 1);
	assert_int_equal(fs_remove_tree(AT_FDCWD, dir, &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_comes_back_as_it_was),
		cmocka_unit_test(excluded_names_are_left_out_with_all_below),
		cmocka_unit_test(
		    what_is_neither_file_nor_directory_nor_link_is_left_out),
		cmocka_unit_test(links_to_directories_are_not_followed),
		cmocka_unit_test(a_file_that_shrinks_is_spoilt_and_counted),
		cmocka_unit_test(what_cannot_be_read_is_skipped_and_counted),
		cmocka_unit_test(a_directory_that_can_only_be_listed_is_there),
		cmocka_unit_test(depth_has_a_limit),
	};

	return RUN_TESTS(tests);
}
