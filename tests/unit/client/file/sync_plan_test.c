/* SPDX-License-Identifier: ISC */

#include "client/file/sync_plan.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/macros.h"
#include "core/strv.h"
#include "core/text.h"

#define LARGE 1000

static void
put(struct tree *tree, const char *path, enum file_type type, uint64_t size,
    int64_t mtime_ns)
{
	struct err err = ERR_INIT;
	const struct file_info info = {
		.name = path,
		.type = type,
		.mode = type == FILE_DIR ? 0755 : 0644,
		.size = size,
		.mtime_ns = mtime_ns,
		.target = type == FILE_SYMLINK ? "x" : NULL,
	};

	assert_int_equal(tree_add(tree, &info, &err), 0);
}

/* "D path", "F path" ... of all steps. */
static void
assert_plan(struct tree *source, struct tree *target, bool deletes,
	    const char *wanted)
{
	static const char letters[] = {
		[PLAN_DELETE] = '-', [PLAN_DIR] = 'd', [PLAN_FILE] = 'f',
		[PLAN_LINK] = 'l',   [PLAN_SET] = 's', [PLAN_SKIP] = '!'
	};
	AUTO_BUF text = BUF_INIT(4096);
	struct plan plan = PLAN_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(tree_sort(source, &err), 0);
	assert_int_equal(tree_sort(target, &err), 0);
	plan_make(&plan, &(struct plan_config){ .source = source,
						.target = target,
						.large = LARGE,
						.deletes = deletes });
	for (size_t i = 0; i < plan.n; i++)
		(void)buf_addf(&text, "%c%s ", letters[plan.steps[i].kind],
			       plan.steps[i].entry->path);
	assert_string_equal(buf_text(&text), wanted);
	plan_fini(&plan);
}

#define S 1000000000ll

static void
what_differs_is_sent(void **state UNUSED)
{
	AUTO_TREE a = TREE_INIT;
	AUTO_TREE b = TREE_INIT;

	put(&a, "same", FILE_REGULAR, 1, 5 * S + 1);
	put(&b, "same", FILE_REGULAR, 1, 5 * S + 1);
	put(&a, "coarse", FILE_REGULAR, 1, 5 * S + 1);
	put(&b, "coarse", FILE_REGULAR, 1, 5 * S);
	put(&a, "fine", FILE_REGULAR, 1, 5 * S + 1);
	put(&b, "fine", FILE_REGULAR, 1, 5 * S + 2);
	put(&a, "longer", FILE_REGULAR, 2, 5 * S);
	put(&b, "longer", FILE_REGULAR, 1, 5 * S);
	put(&a, "new", FILE_REGULAR, 2, 5 * S);
	put(&b, "more", FILE_REGULAR, 2, 5 * S);
	put(&a, "link", FILE_SYMLINK, 0, 0);
	put(&a, "pipe", FILE_OTHER, 0, 0);
	assert_plan(&a, &b, false, "ffine llink flonger fnew !pipe ");
	assert_plan(&a, &b, true, "-more ffine llink flonger fnew !pipe ");
}

static void
deeper_goes_before_and_parents_get_their_time_back(void **state UNUSED)
{
	AUTO_TREE a = TREE_INIT;
	AUTO_TREE b = TREE_INIT;

	put(&a, "d", FILE_DIR, 0, S);
	put(&b, "d", FILE_DIR, 0, S);
	put(&b, "d/x", FILE_DIR, 0, S);
	put(&b, "d/x/y", FILE_REGULAR, 0, S);
	put(&a, "e", FILE_DIR, 0, S);
	put(&b, "e", FILE_DIR, 0, S);
	put(&a, "e-", FILE_REGULAR, 0, S);
	put(&b, "e-", FILE_REGULAR, 0, S);
	put(&a, "e/z", FILE_REGULAR, 7, S);
	assert_plan(&a, &b, true, "-d/x/y -d/x dd de fe/z ");
}

static void
a_directory_gives_way_only_when_asked(void **state UNUSED)
{
	AUTO_TREE a = TREE_INIT;
	AUTO_TREE b = TREE_INIT;

	put(&a, "x", FILE_REGULAR, 1, S);
	put(&b, "x", FILE_DIR, 0, S);
	put(&a, "y", FILE_DIR, 0, S);
	put(&b, "y", FILE_REGULAR, 1, S);
	assert_plan(&a, &b, false, "-y !x dy ");
	assert_plan(&a, &b, true, "-y -x fx dy ");
}

static void
only_a_wanted_part_stays(void **state UNUSED)
{
	AUTO_TREE a = TREE_INIT;
	AUTO_TREE b = TREE_INIT;
	const struct tree_entry big = { .path = (char *)(uintptr_t) "d/big",
					.size = LARGE,
					.mtime_ns = S };
	char key[17], name[64], wanted[128];

	plan_key(key, &big);
	put(&a, "d", FILE_DIR, 0, S);
	put(&b, "d", FILE_DIR, 0, S);
	put(&a, "d/big", FILE_REGULAR, LARGE, S);
	snprintf(name, sizeof(name), "d/.berth-%s.part", key);
	put(&b, name, FILE_REGULAR, 5, S);
	put(&b, "d/.berth-0123456789abcdef.part", FILE_REGULAR, 5, S);
	snprintf(wanted, sizeof(wanted),
		 "-d/.berth-0123456789abcdef.part dd fd/big ");
	assert_plan(&a, &b, false, wanted);
}

static void
what_is_in_a_closed_directory_is_not_taken_for_gone(void **state UNUSED)
{
	AUTO_TREE a = TREE_INIT;
	AUTO_TREE b = TREE_INIT;

	put(&a, "closed", FILE_DIR, 0, 5 * S);
	put(&a, "closer", FILE_DIR, 0, S);
	strv_add(&a.closed, "closed");
	put(&b, "closed", FILE_DIR, 0, S);
	put(&b, "closed/.berth-0123456789abcdef.part", FILE_REGULAR, 3, S);
	put(&b, "closed/in/side", FILE_REGULAR, 3, S);
	put(&b, "closer", FILE_DIR, 0, S);
	put(&b, "closer/x", FILE_REGULAR, 3, S);
	assert_plan(&a, &b, true, "-closer/x !closed dcloser ");
}

static void
names_that_climb_are_no_names(void **state UNUSED)
{
	static const char *const bad[] = { "",	    "/x",     "..",
					   "../x",  "a/../b", "a//b",
					   "a/./b", "a/",     "." };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_TREE tree = TREE_INIT;
		const struct file_info info = { .name = bad[i] };
		struct err err = ERR_INIT;

		if (tree_add(&tree, &info, &err) == 0)
			fail_msg("%s", bad[i]);
		assert_int_equal(err.code, ERR_PROTO);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_differs_is_sent),
		cmocka_unit_test(
		    deeper_goes_before_and_parents_get_their_time_back),
		cmocka_unit_test(a_directory_gives_way_only_when_asked),
		cmocka_unit_test(only_a_wanted_part_stays),
		cmocka_unit_test(
		    what_is_in_a_closed_directory_is_not_taken_for_gone),
		cmocka_unit_test(names_that_climb_are_no_names),
	};

	return RUN_TESTS(tests);
}
