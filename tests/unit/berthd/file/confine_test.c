/* SPDX-License-Identifier: ISC */

#include "berthd/file/confine.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "berthd/file/policy.h"
#include "tests/unit/archive/maze.h"

struct world {
	struct maze maze;
	struct file_policy policy;
};

static int
make_world(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	maze_init(&w->maze);
	strv_add(&w->policy.roots, w->maze.root);
	*state = w;
	return 0;
}

static int
end_world(void **state)
{
	struct world *w = *state;

	file_policy_fini(&w->policy);
	maze_fini(&w->maze);
	free(w);
	return 0;
}

/* Open `name' below the root; the code says how it must end. */
static void
assert_open(struct world *w, const char *name, enum err_code code)
{
	AUTO_FREE char *path = xasprintf("%s/%s", w->maze.root, name);
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = confine_open(&w->policy, path, O_RDONLY, &err);

	if (code == ERR_NONE)
		assert_true(fd >= 0);
	else
		assert_int_equal(fd, -1);
	assert_int_equal(err.code, code);
	if (code == ERR_DENIED)
		assert_string_equal(err.msg, "path not allowed");
}

static void
what_lies_in_the_root_opens(void **state)
{
	assert_open(*state, "dir/file", ERR_NONE);
	assert_open(*state, "", ERR_NONE);
	assert_open(*state, ".", ERR_NONE);
	assert_open(*state, "dir/../dir/./file", ERR_NONE);
	assert_open(*state, "dir//file", ERR_NONE);
}

static void
links_inside_the_root_are_followed(void **state)
{
	assert_open(*state, "in/file", ERR_NONE);
	assert_open(*state, "abs/file", ERR_NONE);
}

static void
what_leaves_the_root_is_denied(void **state)
{
	assert_open(*state, "../outside/file", ERR_DENIED);
	assert_open(*state, "../../../../../../etc/passwd", ERR_DENIED);
	assert_open(*state, "out/file", ERR_DENIED);
	assert_open(*state, "out", ERR_DENIED);
	assert_open(*state, "dir/up/file", ERR_DENIED);
	assert_open(*state, "in/up/file", ERR_DENIED);
	assert_open(*state, "loop", ERR_DENIED);
}

static void
a_name_that_begins_like_the_root_is_not_in_it(void **state)
{
	struct world *w = *state;
	AUTO_FREE char *path = xasprintf("%s-too", w->maze.root);
	struct err err = ERR_INIT;

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(confine_open(&w->policy, path, O_RDONLY, &err), -1);
	assert_err(err, ERR_DENIED, "path not allowed");
}

static void
absence_is_told_apart_from_denial(void **state)
{
	assert_open(*state, "dir/none", ERR_NOT_FOUND);
	assert_open(*state, "gone", ERR_NOT_FOUND);
	assert_open(*state, "dir/file/below", ERR_NOT_FOUND);
	/* Not even that is said about what lies outside. */
	assert_open(*state, "../outside/none", ERR_DENIED);
}

static void
relative_paths_are_denied(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	assert_int_equal(confine_open(&w->policy, "dir/file", O_RDONLY, &err),
			 -1);
	assert_err(err, ERR_DENIED, "path not allowed");
	assert_int_equal(confine_open(&w->policy, "", O_RDONLY, &err), -1);
	assert_err(err, ERR_DENIED, "path not allowed");
}

static void
a_link_may_lead_from_one_root_to_another(void **state)
{
	struct world *w = *state;

	maze_put(w->maze.root, "second", "../second");
	assert_open(w, "second/file", ERR_DENIED);
	strv_add(&w->policy.roots, w->maze.second);
	assert_open(w, "second/file", ERR_NONE);
}

static void
a_root_may_be_a_link_itself(void **state)
{
	struct world *w = *state;
	AUTO_FREE char *link = path_join(w->maze.top, "link");
	AUTO_FREE char *path = path_join(link, "dir/file");
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = -1;

	assert_int_equal(symlink("root", link), 0);
	strv_free(w->policy.roots);
	w->policy.roots = NULL;
	strv_add(&w->policy.roots, link);
	fd = confine_open(&w->policy, path, O_RDONLY, &err);
	assert_true(fd >= 0);
}

static void
the_part_that_exists_is_found(void **state)
{
	static const struct {
		const char *path, *missing;
	} cases[] = {
		{ "dir/sub", "" },	  { "dir/a", "a" },
		{ "dir/a/b/c", "a/b/c" }, { "in/a/b", "a/b" },
		{ "gone/a", "gone/a" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *path = path_join(w->maze.root, cases[i].path);
		AUTO_FREE char *missing = NULL;
		struct err err = ERR_INIT;
		AUTO_CLOSE int fd = confine_existing(&w->policy, path, &missing,
						     &err);

		assert_true(fd >= 0);
		assert_string_equal(missing, cases[i].missing);
	}
}

static void
missing_parts_below_a_link_to_outside_are_denied(void **state)
{
	struct world *w = *state;
	AUTO_FREE char *path = path_join(w->maze.root, "out/a/b");
	AUTO_FREE char *missing = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(confine_existing(&w->policy, path, &missing, &err),
			 -1);
	assert_err(err, ERR_DENIED, "path not allowed");
	assert_null(missing);
}

static void
a_path_that_no_file_can_have_is_invalid(void **state)
{
	struct world *w = *state;
	AUTO_BUF path = BUF_INIT(10000);
	AUTO_FREE char *missing = NULL;
	struct err err = ERR_INIT;

	buf_adds(&path, w->maze.root);
	while (path.len < 4096)
		buf_adds(&path, "/component");
	assert_int_equal(
	    confine_existing(&w->policy, buf_text(&path), &missing, &err), -1);
	assert_err(err, ERR_INVALID, "path is too long");
}

#define WORLD_TEST(fn)                                                         \
	cmocka_unit_test_setup_teardown(fn, make_world, end_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_lies_in_the_root_opens),
		WORLD_TEST(links_inside_the_root_are_followed),
		WORLD_TEST(what_leaves_the_root_is_denied),
		WORLD_TEST(a_name_that_begins_like_the_root_is_not_in_it),
		WORLD_TEST(absence_is_told_apart_from_denial),
		WORLD_TEST(relative_paths_are_denied),
		WORLD_TEST(a_link_may_lead_from_one_root_to_another),
		WORLD_TEST(a_root_may_be_a_link_itself),
		WORLD_TEST(the_part_that_exists_is_found),
		WORLD_TEST(missing_parts_below_a_link_to_outside_are_denied),
		WORLD_TEST(a_path_that_no_file_can_have_is_invalid),
	};

	return RUN_TESTS(tests);
}
