/* SPDX-License-Identifier: ISC */

#include "client/file/exclude.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/macros.h"

static bool
has(const char *const *patterns, const char *path, bool is_dir)
{
	struct err err = ERR_INIT;
	struct exclude *exclude = exclude_new(
	    (char *const *)(uintptr_t)patterns, &err);
	bool found;

	assert_non_null(exclude);
	found = exclude_has(exclude, path, is_dir);
	exclude_free(exclude);
	return found;
}

static void
single_patterns_match_as_git_has_them(void **state UNUSED)
{
	static const struct {
		const char *pattern, *path;
		bool is_dir, found;
	} rows[] = {
		{ "*.o", "a.o", false, true },
		{ "*.o", "d/e/a.o", false, true },
		{ "*.o", "a.oo", false, false },
		{ "build/", "x/build", true, true },
		{ "build/", "x/build", false, false },
		{ "/dist", "dist", true, true },
		{ "/dist", "x/dist", true, false },
		{ "doc/*.txt", "doc/a.txt", false, true },
		{ "doc/*.txt", "x/doc/a.txt", false, false },
		{ "doc/*.txt", "doc/x/a.txt", false, false },
		{ "**/c", "c", false, true },
		{ "**/c", "a/b/c", false, true },
		{ "a/**", "a/b/c", false, true },
		{ "a/**", "a", true, false },
		{ "a/**/z", "a/z", false, true },
		{ "a/**/z", "a/b/c/z", false, true },
		{ "a/**/z", "a/b/c/y", false, false },
		{ "[a-c]x", "bx", false, true },
		{ "[!a-c]x", "bx", false, false },
		{ "[]x", "[]x", false, true },
		{ "?", "ab", false, false },
		{ "a*b*c", "aXbYc", false, true },
		{ "a*b*c", "aXcYb", false, false },
		{ "\\*", "*", false, true },
		{ "\\*", "x", false, false },
		{ "*", ".hidden", false, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *const patterns[] = { rows[i].pattern, NULL };

		if (has(patterns, rows[i].path, rows[i].is_dir) !=
		    rows[i].found)
			fail_msg("%s against %s", rows[i].pattern,
				 rows[i].path);
	}
}

static void
the_last_one_that_matches_decides(void **state UNUSED)
{
	static const char *const patterns[] = { "*.o", "!keep.o", "/x/keep.o",
						NULL };

	assert_true(has(patterns, "a.o", false));
	assert_false(has(patterns, "y/keep.o", false));
	assert_true(has(patterns, "x/keep.o", false));
}

static void
no_pattern_takes_for_ever(void **state UNUSED)
{
	char text[2001];
	static const char *const patterns[] = {
		"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", NULL
	};

	memset(text, 'a', 2000);
	text[2000] = '\0';
	assert_false(has(patterns, text, false));
}

static void
what_is_no_pattern_is_refused(void **state UNUSED)
{
	static const char *const bad[] = { "", "!", "/", "//" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *patterns[] = { (char *)(uintptr_t)bad[i], NULL };
		struct err err = ERR_INIT;

		assert_null(exclude_new(patterns, &err));
		assert_int_equal(err.code, ERR_INVALID);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_patterns_match_as_git_has_them),
		cmocka_unit_test(the_last_one_that_matches_decides),
		cmocka_unit_test(no_pattern_takes_for_ever),
		cmocka_unit_test(what_is_no_pattern_is_refused),
	};

	return RUN_TESTS(tests);
}
