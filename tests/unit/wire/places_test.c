/* SPDX-License-Identifier: ISC */

#include "wire/places.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/proc.h"
#include "core/text.h"

static int
clear_environment(void **state UNUSED)
{
	unsetenv("BERTH_HOME");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	return setenv("HOME", "/home/u", 1);
}

static void
one_variable_moves_everything(void **state UNUSED)
{
	AUTO_FREE char *state_dir = path_join("/b/state", proc_host_id());
	AUTO_PLACES places = PLACES_INIT;
	struct err err = ERR_INIT;

	setenv("BERTH_HOME", "/b", 1);
	setenv("XDG_STATE_HOME", "/elsewhere", 1);
	assert_int_equal(places_find(&places, &err), 0);
	assert_string_equal(places.config, "/b/config");
	assert_string_equal(places.state, state_dir);
	assert_string_equal(places.runtime, "/b/run");
	assert_string_equal(places.socket, "/b/run/berthd.sock");
}

static void
state_belongs_to_the_host_and_configuration_to_the_home(void **state UNUSED)
{
	AUTO_FREE char *want = path_join("/home/u/.local/state/berth",
					 proc_host_id());
	AUTO_FREE char *moved = path_join("/s/berth", proc_host_id());
	AUTO_PLACES usual = PLACES_INIT, given = PLACES_INIT,
		    relative = PLACES_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(places_find(&usual, &err), 0);
	assert_string_equal(usual.config, "/home/u/.config/berth");
	assert_string_equal(usual.state, want);

	setenv("XDG_CONFIG_HOME", "/c", 1);
	setenv("XDG_STATE_HOME", "/s", 1);
	assert_int_equal(places_find(&given, &err), 0);
	assert_string_equal(given.config, "/c/berth");
	assert_string_equal(given.state, moved);

	/* The specification has relative ones ignored. */
	setenv("XDG_CONFIG_HOME", "c", 1);
	setenv("XDG_STATE_HOME", "", 1);
	assert_int_equal(places_find(&relative, &err), 0);
	assert_string_equal(relative.config, "/home/u/.config/berth");
	assert_string_equal(relative.state, want);
}

static void
find_runtime(const char *given, const char *want)
{
	AUTO_PLACES places = PLACES_INIT;
	struct err err = ERR_INIT;

	setenv("XDG_RUNTIME_DIR", given, 1);
	assert_int_equal(places_find(&places, &err), 0);
	if (want)
		assert_string_equal(places.runtime, want);
	else
		assert_false(str_starts(places.runtime, given));
}

/* A runtime directory counts only if it is ours, private and no link. */
static void
runtime_is_where_nobody_else_can_go(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *mine = path_join(dir, "mine");
	AUTO_FREE char *below = path_join(mine, "berth");
	AUTO_FREE char *link = path_join(dir, "link");

	assert_return_code(mkdir(mine, 0700), 0);
	assert_return_code(symlink(mine, link), 0);
	find_runtime(mine, below);
	find_runtime(link, NULL);
	find_runtime("/nonexistent", NULL);
	assert_return_code(chmod(mine, 0755), 0);
	find_runtime(mine, NULL);
	if (geteuid() == 0) {
		assert_return_code(chmod(mine, 0700), 0);
		assert_return_code(chown(mine, 4242, 4242), 0);
		find_runtime(mine, NULL);
	}
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup(fn, clear_environment)
	const struct CMUnitTest tests[] = {
		TEST(one_variable_moves_everything),
		TEST(state_belongs_to_the_host_and_configuration_to_the_home),
		TEST(runtime_is_where_nobody_else_can_go),
	};

	return RUN_TESTS(tests);
}
