/* SPDX-License-Identifier: ISC */

#include "archive/untar.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "archive/tar.h"
#include "tests/unit/archive/tarball.h"

#define MAX_ARCHIVE (4u << 20)

/* A directory to unpack in, with a neighbour that must stay as it is. */
struct world {
	char *top, *root, *secret;
	struct buf archive;
};

static int
make_world(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct err err = ERR_INIT;

	w->top = xstrdup(unit_temp_dir());
	w->root = path_join(w->top, "root");
	w->secret = path_join(w->top, "secret");
	assert_int_equal(mkdir(w->root, 0700), 0);
	assert_int_equal(
	    fs_write_atomic(AT_FDCWD, w->secret, "secret", 6, 0, &err), 0);
	buf_init(&w->archive, MAX_ARCHIVE);
	*state = w;
	return 0;
}

static void
assert_content(const struct world *w, const char *name, const char *content)
{
	AUTO_FREE char *path = path_join(w->root, name);
	AUTO_BUF text = BUF_INIT(5000);
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, path, &text, &err), 0);
	assert_string_equal(buf_text(&text), content);
}

static bool
exists(const struct world *w, const char *name)
{
	AUTO_FREE char *path = path_join(w->root, name);

	return access(path, F_OK) == 0;
}

static mode_t
mode_of(const struct world *w, const char *name)
{
	AUTO_FREE char *path = path_join(w->root, name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static int
end_world(void **state)
{
	struct world *w = *state;

	assert_content(w, "../secret", "secret");
	assert_int_equal(unit_n_entries(AT_FDCWD, w->top), 2);
	buf_fini(&w->archive);
	free(w->top);
	free(w->root);
	free(w->secret);
	free(w);
	return 0;
}

/* Unpack the first `n' bytes; -1 if a step or the finish failed. */
static int
unpack_part(struct world *w, size_t n, uint64_t max_entries,
	    uint64_t *ret_files, struct err *err)
{
	struct untar *u = untar_new(open(w->root, O_PATH | O_DIRECTORY),
				    w->root, max_entries);
	const uint8_t *in = buf_bytes(&w->archive);
	int rc = 1;

	while (n > 0 && rc >= 0) {
		size_t piece = MIN(n, (size_t)700);

		n -= piece;
		while ((rc = untar_step(u, &in, &piece, err)) > 0)
			;
	}
	if (rc >= 0)
		rc = untar_finish(u, err);
	*ret_files = untar_n_files(u);
	untar_free(u);
	return rc;
}

static uint64_t
unpack(struct world *w)
{
	struct err err = ERR_INIT;
	uint64_t n_files;
	int rc = unpack_part(w, w->archive.len, 0, &n_files, &err);

	if (rc < 0)
		print_message("%s\n", err.msg);
	assert_int_equal(rc, 0);
	return n_files;
}

static void
assert_unpack_fails(struct world *w, enum err_code code, const char *part)
{
	struct err err = ERR_INIT;
	uint64_t n_files;

	assert_int_equal(unpack_part(w, w->archive.len, 0, &n_files, &err), -1);
	assert_err(err, code, part);
}

static void
make_link(const struct world *w, const char *name, const char *target)
{
	AUTO_FREE char *path = path_join(w->root, name);

	assert_int_equal(symlink(target, path), 0);
}

static void
files_directories_and_links_are_made(void **state)
{
	struct world *w = *state;

	tarball_other(&w->archive, '5', "d/", NULL);
	tarball_file(&w->archive, "d/a", "content of a");
	tarball_file(&w->archive, "made/on/the/way", "b");
	tarball_other(&w->archive, '2', "d/link", "../made/on/the/way");
	tarball_other(&w->archive, '1', "hard", "d/a");
	tarball_end(&w->archive);
	assert_int_equal(unpack(w), 4);
	assert_content(w, "d/a", "content of a");
	assert_content(w, "d/link", "b");
	assert_content(w, "hard", "content of a");
	assert_int_equal(mode_of(w, "d/a"), 0644);
	assert_int_equal(mode_of(w, "d"), 0755);
	assert_int_equal(unit_n_entries(AT_FDCWD, w->root), 3);
}

static void
modes_are_kept_without_privileges(void **state)
{
	struct world *w = *state;

	tarball_add(&w->archive, &(struct tarball_entry){ .type = '0',
							  .name = "a",
							  .mode = "4755" });
	tarball_add(&w->archive, &(struct tarball_entry){
				     .type = '0', .name = "b", .mode = "0" });
	tarball_add(&w->archive, &(struct tarball_entry){ .type = '5',
							  .name = "c",
							  .mode = "7050" });
	tarball_file(&w->archive, "c/d", "");
	tarball_end(&w->archive);
	unpack(w);
	assert_int_equal(mode_of(w, "a"), 0755);
	assert_int_equal(mode_of(w, "b"), 0);
	assert_int_equal(mode_of(w, "c"), 0750);
}

static void
what_was_there_is_replaced(void **state)
{
	struct world *w = *state;

	tarball_file(&w->archive, "a", "old");
	tarball_other(&w->archive, '2', "l", "a");
	tarball_other(&w->archive, '5', "d", NULL);
	tarball_end(&w->archive);
	unpack(w);
	buf_clear(&w->archive);
	tarball_file(&w->archive, "a", "new");
	tarball_file(&w->archive, "l", "a file by now");
	tarball_other(&w->archive, '5', "d", NULL);
	tarball_end(&w->archive);
	unpack(w);
	assert_content(w, "a", "new");
	assert_content(w, "l", "a file by now");
	assert_int_equal(unit_n_entries(AT_FDCWD, w->root), 3);
}

static void
a_link_in_the_archive_is_no_way_out(void **state)
{
	struct world *w = *state;

	tarball_other(&w->archive, '5', "d", NULL);
	tarball_other(&w->archive, '2', "l", "d");
	tarball_file(&w->archive, "l/file", "x");
	tarball_end(&w->archive);
	assert_unpack_fails(w, ERR_INVALID, "path traversal detected: l/file");
	assert_false(exists(w, "d/file"));
}

static void
a_link_that_was_there_is_no_way_out(void **state)
{
	static const char *const targets[] = { "..", "dir" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		static const char types[] = "0512";

		make_link(w, i ? "l1" : "l0", targets[i]);
		for (const char *type = types; *type; type++) {
			AUTO_FREE char *name = xasprintf("l%zu/x/y", i);

			buf_clear(&w->archive);
			tarball_other(&w->archive, *type, name, "a");
			assert_unpack_fails(w, ERR_INVALID,
					    "path traversal detected: ");
		}
	}
}

static void
a_directory_does_not_replace_a_link(void **state)
{
	struct world *w = *state;

	make_link(w, "l", "..");
	tarball_other(&w->archive, '5', "l", NULL);
	tarball_file(&w->archive, "l/secret", "x");
	assert_unpack_fails(w, ERR_INVALID, "path traversal detected: l");
}

static void
a_file_replaces_a_link_without_following_it(void **state)
{
	struct world *w = *state;

	make_link(w, "l", "../secret");
	tarball_file(&w->archive, "l", "mine");
	tarball_end(&w->archive);
	unpack(w);
	assert_content(w, "l", "mine");
}

static void
hard_links_lead_to_files_in_the_root_only(void **state)
{
	struct world *w = *state;

	make_link(w, "l", "../secret");
	make_link(w, "up", "..");
	tarball_other(&w->archive, '1', "h", "l");
	assert_unpack_fails(w, ERR_INVALID, "path traversal detected: l");
	buf_clear(&w->archive);
	tarball_other(&w->archive, '1', "h", "up/secret");
	assert_unpack_fails(w, ERR_INVALID,
			    "path traversal detected: up/secret");
	buf_clear(&w->archive);
	tarball_other(&w->archive, '5', "d", NULL);
	tarball_other(&w->archive, '1', "h", "d");
	assert_unpack_fails(w, ERR_INVALID, "link to no file: d");
	buf_clear(&w->archive);
	tarball_other(&w->archive, '1', "h", "none");
	assert_unpack_fails(w, ERR_SYSTEM, "failed to link none");
	assert_false(exists(w, "h"));
}

static void
a_chain_of_links_stays_inside(void **state)
{
	struct world *w = *state;

	/* Each of them looks harmless as text alone. */
	tarball_other(&w->archive, '5', "a/b/c", NULL);
	tarball_other(&w->archive, '2', "a/b/c/top", "../../..");
	tarball_other(&w->archive, '2', "out", "a/b/c/top/../secret");
	assert_unpack_fails(w, ERR_INVALID, "symlink traversal: ");
	assert_false(exists(w, "out"));
}

static void
an_archive_cut_anywhere_leaves_no_half_file(void **state)
{
	struct world *w = *state;
	AUTO_FREE char *content = xcalloc(1, 3001);
	struct err err = ERR_INIT;
	uint64_t n_files;

	memset(content, 'c', 3000);
	tarball_file(&w->archive, "a", content);
	tarball_file(&w->archive, "b", content);
	tarball_end(&w->archive);
	for (size_t n = 1; n < w->archive.len; n += 97) {
		(void)unpack_part(w, n, 0, &n_files, &err);
		assert_int_equal(unit_n_entries(AT_FDCWD, w->root),
				 (size_t)n_files);
		if (n_files > 0)
			assert_content(w, "a", content);
		if (n_files > 1)
			assert_content(w, "b", content);
		assert_int_equal(fs_remove_tree(AT_FDCWD, w->root, &err), 0);
		assert_int_equal(mkdir(w->root, 0700), 0);
	}
}

static void
too_many_entries_are_a_limit(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	uint64_t n_files;

	for (int i = 0; i < 3; i++) {
		AUTO_FREE char *name = xasprintf("f%d", i);

		tarball_file(&w->archive, name, "");
	}
	tarball_end(&w->archive);
	assert_int_equal(unpack_part(w, w->archive.len, 3, &n_files, &err), 0);
	assert_int_equal(unpack_part(w, w->archive.len, 2, &n_files, &err), -1);
	assert_err(err, ERR_LIMIT, "more than 2 entries");
}

static void
what_the_machine_refuses_is_told(void **state)
{
	struct world *w = *state;

	tarball_file(&w->archive, "a", "");
	tarball_file(&w->archive, "a/b", "");
	assert_unpack_fails(w, ERR_SYSTEM, "mkdir failed: a/b: Not a dir");
	buf_clear(&w->archive);
	tarball_other(&w->archive, '5', "d", NULL);
	tarball_file(&w->archive, "d", "");
	assert_unpack_fails(w, ERR_SYSTEM, "failed to create file: d");
}

struct told {
	struct buf text; /* "+name " done, "-name " refused */
};

static void
on_done(const char *name, void *owner)
{
	(void)buf_addf(&((struct told *)owner)->text, "+%s ", name);
}

static void
on_refused(const char *name, const struct err *why, void *owner)
{
	assert_true(why->msg[0]);
	(void)buf_addf(&((struct told *)owner)->text, "-%s ", name);
}

/* Without what is named "unwanted". */
static int
on_entry(struct tar_entry *entry, void *owner UNUSED, struct err *err UNUSED)
{
	return strcmp(entry->name, "unwanted") == 0;
}

static void
assert_told(struct world *w, const char *wanted)
{
	static const struct untar_events events = { on_entry, on_done,
						    on_refused };
	struct told told = { BUF_INIT(4096) };
	struct untar *u = untar_new(open(w->root, O_PATH | O_DIRECTORY),
				    w->root, 0);
	const uint8_t *in = buf_bytes(&w->archive);
	size_t n = w->archive.len;
	struct err err = ERR_INIT;
	int rc;

	untar_keep(u);
	untar_watch(u, &events, &told);
	while ((rc = untar_step(u, &in, &n, &err)) > 0)
		;
	assert_int_equal(rc, 0);
	assert_int_equal(untar_finish(u, &err), 0);
	untar_free(u);
	assert_string_equal(buf_text(&told.text), wanted);
	buf_fini(&told.text);
}

static void
what_is_refused_is_left_out_and_all_else_goes_on(void **state)
{
	struct world *w = *state;

	tarball_file(&w->archive, "a", "a");
	tarball_file(&w->archive, "a/b", "no directory");
	tarball_other(&w->archive, '5', "d", NULL);
	tarball_file(&w->archive, "d", "a directory is there");
	tarball_file(&w->archive, "d/f", "f");
	tarball_file(&w->archive, "unwanted", "unwanted");
	tarball_other(&w->archive, '2', "l", "a");
	tarball_end(&w->archive);
	assert_told(w, "+a -a/b -d +d/f +l +d ");
	assert_content(w, "a", "a");
	assert_content(w, "d/f", "f");
	assert_false(exists(w, "unwanted"));
	assert_int_equal(unit_n_entries(AT_FDCWD, w->root), 3);
}

static void
a_spoilt_file_does_not_take_its_name(void **state)
{
	struct world *w = *state;

	tarball_file(&w->archive, "a", "a");
	tarball_file(&w->archive, "b", "b");
	assert_int_equal(tar_add_spoilt(&w->archive), 0);
	tarball_file(&w->archive, "c", "c");
	assert_int_equal(tar_add_spoilt(&w->archive), 0);
	tarball_end(&w->archive);
	assert_told(w, "+a -b -c ");
	assert_int_equal(unit_n_entries(AT_FDCWD, w->root), 1);
}

#define WORLD_TEST(fn)                                                         \
	cmocka_unit_test_setup_teardown(fn, make_world, end_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(files_directories_and_links_are_made),
		WORLD_TEST(modes_are_kept_without_privileges),
		WORLD_TEST(what_was_there_is_replaced),
		WORLD_TEST(a_link_in_the_archive_is_no_way_out),
		WORLD_TEST(a_link_that_was_there_is_no_way_out),
		WORLD_TEST(a_directory_does_not_replace_a_link),
		WORLD_TEST(a_file_replaces_a_link_without_following_it),
		WORLD_TEST(hard_links_lead_to_files_in_the_root_only),
		WORLD_TEST(a_chain_of_links_stays_inside),
		WORLD_TEST(an_archive_cut_anywhere_leaves_no_half_file),
		WORLD_TEST(too_many_entries_are_a_limit),
		WORLD_TEST(what_the_machine_refuses_is_told),
		WORLD_TEST(what_is_refused_is_left_out_and_all_else_goes_on),
		WORLD_TEST(a_spoilt_file_does_not_take_its_name),
	};

	return RUN_TESTS(tests);
}
