/* SPDX-License-Identifier: ISC */

#include "core/path.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"

static void
paths_are_cleaned_without_asking_the_file_system(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "", "." },
		{ ".", "." },
		{ "/", "/" },
		{ "//", "/" },
		{ "///a//b/", "/a/b" },
		{ "a", "a" },
		{ "a/", "a" },
		{ "./a", "a" },
		{ "a/./b/.", "a/b" },
		{ "a/..", "." },
		{ "a/../b", "b" },
		{ "a/b/../..", "." },
		{ "a/../..", ".." },
		{ "..", ".." },
		{ "../..", "../.." },
		{ "../a/..", ".." },
		{ "../../a", "../../a" },
		{ "./../a", "../a" },
		{ "/..", "/" },
		{ "/../a", "/a" },
		{ "/a/../../b", "/b" },
		{ "/a/b/../c", "/a/c" },
		{ "...", "..." },
		{ "/a/...", "/a/..." },
		{ "..a/..", "." },
		{ "a../..", "." },
		{ ".a/b", ".a/b" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *clean = path_clean(rows[i][0]);
		AUTO_FREE char *again = path_clean(clean);

		assert_string_equal(clean, rows[i][1]);
		assert_string_equal(again, clean);
	}
}

/* A slow and plain way to say the same, for random paths. */
static char *
clean_by_hand(const char *path)
{
	char parts[64][8] = { "" };
	AUTO_FREE char *copy = xstrdup(path);
	char *rest = copy, *part, *out, *longer;
	size_t n = 0;
	bool root = path[0] == '/';

	while ((part = strsep(&rest, "/"))) {
		bool up = strcmp(part, "..") == 0;

		if (*part == '\0' || strcmp(part, ".") == 0)
			continue;
		if (up && n > 0 && strcmp(parts[n - 1], "..") != 0)
			n--;
		else if (!(up && root))
			snprintf(parts[n++], sizeof(parts[0]), "%s", part);
	}
	out = xstrdup(root ? "/" : n ? "" : ".");
	for (size_t i = 0; i < n; i++) {
		longer = xasprintf("%s%s%s", out, i ? "/" : "", parts[i]);
		free(out);
		out = longer;
	}
	return out;
}

static void
random_paths_are_cleaned_as_by_hand(void **state UNUSED)
{
	static const char *const parts[] = { "/", "/",	"a", "b",
					     ".", "..", "/", "c.." };

	for (int round = 0; round < 20000; round++) {
		AUTO_FREE char *clean = NULL, *want = NULL;
		char path[64] = "";
		size_t used = 0, n = unit_below(20);

		for (size_t i = 0; i < n; i++) {
			const char *part = parts[unit_below(ARRAY_SIZE(parts))];

			/* Names that grow together stay shorter than parts. */
			if (*part != '/' && used > 0 && path[used - 1] != '/')
				part = "/";
			used += (size_t)snprintf(
			    path + used, sizeof(path) - used, "%s", part);
		}
		clean = path_clean(path);
		want = clean_by_hand(path);
		assert_string_equal(clean, want);
	}
}

static void
joining_keeps_absolute_names(void **state UNUSED)
{
	static const char *const rows[][3] = {
		{ "/a", "b", "/a/b" },	 { "/a/", "b", "/a/b" },
		{ "/a", "/b", "/b" },	 { "/", "b", "/b" },
		{ "a", "b/c", "a/b/c" }, { "", "b", "b" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *joined = path_join(rows[i][0], rows[i][1]);

		assert_string_equal(joined, rows[i][2]);
	}
}

static void
only_what_lies_below_is_within(void **state UNUSED)
{
	static const struct {
		const char *root, *path;
		bool is_within;
	} rows[] = {
		{ "/home/u", "/home/u", true },
		{ "/home/u", "/home/u/", true },
		{ "/home/u/", "/home/u/x", true },
		{ "/home/u", "/home/u/../u/x", true },
		{ "/", "/etc", true },
		{ "/", "/", true },
		{ "/home/u", "/home/user", false },
		{ "/home/u", "/home", false },
		{ "/home/u", "/home/u/..", false },
		{ "/home/u", "/home/u/../../etc/passwd", false },
		{ "/home/u", "home/u", false },
		{ "/", "etc", false },
		{ "/home/u", "", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(path_is_within(rows[i].root, rows[i].path),
				 rows[i].is_within);
}

static void
home_is_what_the_environment_says(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *home = NULL, *below = NULL, *other = NULL,
		       *alone = NULL;

	assert_return_code(setenv("HOME", "/somewhere", 1), 0);
	home = path_home(&err);
	below = path_expand("~/x", &err);
	alone = path_expand("~", &err);
	other = path_expand("~user/x", &err);
	assert_string_equal(home, "/somewhere");
	assert_string_equal(below, "/somewhere/x");
	assert_string_equal(alone, "/somewhere");
	assert_string_equal(other, "~user/x");
}

static void
configured_paths_are_absolute_when_settled(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "/a/../b/", "/b" },
		{ "~", "/somewhere" },
		{ "~/x/.", "/somewhere/x" },
		{ "x", NULL },
		{ "", NULL },
		{ "~user/x", NULL },
	};

	assert_return_code(setenv("HOME", "/somewhere", 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *path = xstrdup(rows[i][0]);
		struct err err = ERR_INIT;
		int rc = path_settle(&path, &err);

		assert_int_equal(rc, rows[i][1] ? 0 : -1);
		assert_string_equal(path, rows[i][rc == 0]);
		if (rc < 0)
			assert_err(err, ERR_CONFIG, "neither absolute nor");
	}
}

static void
home_without_environment_is_read_from_the_user_table(void **state UNUSED)
{
	static const char *const useless[] = { NULL, "", "relative" };

	for (size_t i = 0; i < ARRAY_SIZE(useless); i++) {
		struct err err = ERR_INIT;
		AUTO_FREE char *home = NULL;

		unsetenv("HOME");
		if (useless[i])
			setenv("HOME", useless[i], 1);
		home = path_home(&err);
		if (home == NULL)
			assert_err(err, ERR_CONFIG, "no home directory");
		else
			assert_int_equal(home[0], '/');
	}
}

static void
base_is_what_follows_the_last_slash(void **state UNUSED)
{
	assert_string_equal(path_base("/a/b"), "b");
	assert_string_equal(path_base("b"), "b");
	assert_string_equal(path_base("/a/"), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    paths_are_cleaned_without_asking_the_file_system),
		cmocka_unit_test(random_paths_are_cleaned_as_by_hand),
		cmocka_unit_test(joining_keeps_absolute_names),
		cmocka_unit_test(only_what_lies_below_is_within),
		cmocka_unit_test(home_is_what_the_environment_says),
		cmocka_unit_test(configured_paths_are_absolute_when_settled),
		cmocka_unit_test(
		    home_without_environment_is_read_from_the_user_table),
		cmocka_unit_test(base_is_what_follows_the_last_slash),
	};

	return RUN_TESTS(tests);
}
