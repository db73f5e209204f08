/* SPDX-License-Identifier: ISC */

#include "archive/beneath.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/path.h"
#include "tests/unit/archive/maze.h"

static int
make_world(void **state)
{
	struct maze *w = xcalloc(1, sizeof(*w));

	maze_init(w);
	*state = w;
	return 0;
}

static int
end_world(void **state)
{
	struct maze *w = *state;

	maze_fini(w);
	free(w);
	return 0;
}

typedef int open_fn(int dir_fd, const char *path, int flags);

/* Both ways of opening must say the same. */
static void
assert_strict(open_fn *open_strictly, struct maze *w)
{
	static const struct {
		const char *path;
		int flags, error;
	} cases[] = {
		{ "dir/file", O_RDONLY, 0 },
		{ "dir/sub", O_RDONLY | O_DIRECTORY, 0 },
		{ "dir/sub", O_PATH | O_DIRECTORY, 0 },
		{ "", O_PATH | O_DIRECTORY, 0 },
		{ "in/file", O_RDONLY, ELOOP },
		{ "in", O_RDONLY, ELOOP },
		{ "in", O_PATH, ELOOP },
		{ "in", O_PATH | O_DIRECTORY, ELOOP },
		{ "in", O_RDONLY | O_DIRECTORY, ELOOP },
		{ "out/file", O_RDONLY, ELOOP },
		{ "dir/up/file", O_RDONLY, ELOOP },
		{ "gone", O_RDONLY, ELOOP },
		{ "..", O_PATH, EXDEV },
		{ "../outside/file", O_RDONLY, EXDEV },
		{ "dir/none", O_RDONLY, ENOENT },
		{ "none/none", O_RDONLY, ENOENT },
		{ "dir/file/x", O_RDONLY, ENOTDIR },
		{ "dir/file", O_RDONLY | O_DIRECTORY, ENOTDIR },
	};
	AUTO_CLOSE int root = open(w->root, O_PATH | O_DIRECTORY);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_CLOSE int fd = -1;

		errno = 0;
		fd = open_strictly(root, cases[i].path, cases[i].flags);
		if (fd >= 0)
			errno = 0;
		if (errno != cases[i].error)
			print_message("%s\n", cases[i].path);
		assert_int_equal(errno, cases[i].error);
	}
}

static void
the_kernel_opens_strictly(void **state)
{
	assert_strict(beneath_open, *state);
}

static void
so_does_the_walk_for_old_kernels(void **state)
{
	assert_strict(beneath_walk, *state);
}

static void
directories_are_made_where_they_are_missing(void **state)
{
	struct maze *w = *state;
	AUTO_CLOSE int root = open(w->root, O_PATH | O_DIRECTORY);
	AUTO_CLOSE int made = beneath_mkdirs(root, "dir/x/y", 0755);
	AUTO_CLOSE int again = beneath_mkdirs(root, "dir/x/y", 0755);
	AUTO_CLOSE int same = beneath_mkdirs(root, "", 0755);
	AUTO_FREE char *path = path_join(w->root, "dir/x/y");
	struct stat st, fst;

	assert_true(made >= 0 && again >= 0 && same >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(fstat(made, &fst), 0);
	assert_int_equal(st.st_ino, fst.st_ino);
}

static void
directories_are_never_made_through_a_link(void **state)
{
	struct maze *w = *state;
	AUTO_CLOSE int root = open(w->root, O_PATH | O_DIRECTORY);
	AUTO_FREE char *path = path_join(w->top, "outside/x");

	assert_int_equal(beneath_mkdirs(root, "out/x", 0755), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(beneath_mkdirs(root, "gone/x", 0755), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(beneath_mkdirs(root, "dir/file/x", 0755), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(access(path, F_OK), -1);
}

static void
a_name_that_is_too_long_is_not_cut(void **state)
{
	struct maze *w = *state;
	AUTO_CLOSE int root = open(w->root, O_PATH | O_DIRECTORY);
	char name[301] = { 0 };

	memset(name, 'x', sizeof(name) - 1);
	assert_int_equal(beneath_walk(root, name, O_RDONLY), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(beneath_mkdirs(root, name, 0755), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

#define WORLD_TEST(fn)                                                         \
	cmocka_unit_test_setup_teardown(fn, make_world, end_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_kernel_opens_strictly),
		WORLD_TEST(so_does_the_walk_for_old_kernels),
		WORLD_TEST(directories_are_made_where_they_are_missing),
		WORLD_TEST(directories_are_never_made_through_a_link),
		WORLD_TEST(a_name_that_is_too_long_is_not_cut),
	};

	return RUN_TESTS(tests);
}
