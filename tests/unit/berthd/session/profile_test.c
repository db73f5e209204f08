/* SPDX-License-Identifier: ISC */

#include "berthd/session/profile.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "berthd/config.h"

static const char text[] = "default_profile: mine\n"
			   "profiles:\n"
			   "  - name: mine\n"
			   "    command: [codex, --full-auto]\n"
			   "    cwd: ~/src\n"
			   "    env: {A: b}\n"
			   "  - name: claude\n"
			   "    command: [/opt/claude]\n";

static void
agents_are_known_by_name(void **state UNUSED)
{
	AUTO_CONFIG config = { 0 };
	struct err err = ERR_INIT;
	struct profile profile;

	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(profile_find(&config, NULL, &profile, &err), 0);
	assert_string_equal(profile.name, "codex");
	assert_string_equal(profile.argv[0], "codex");
	assert_null(profile.argv[1]);
	assert_int_equal(profile_find(&config, "shell", &profile, &err), 0);
	assert_null(profile.argv);
	assert_int_equal(profile_find(&config, "none", &profile, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.hint, "gemini"));
}

static void
the_configuration_adds_and_changes(void **state UNUSED)
{
	AUTO_CONFIG config = { 0 };
	struct err err = ERR_INIT;
	struct profile profile;

	config_init(&config, CONFIG_BERTHD);
	assert_int_equal(
	    config_decode(&config, "test", text, strlen(text), &err), 0);
	assert_int_equal(profile_find(&config, NULL, &profile, &err), 0);
	assert_string_equal(profile.argv[1], "--full-auto");
	assert_int_equal(profile.cwd[0], '/');
	assert_string_equal(profile.env[0], "A=b");
	assert_int_equal(profile_find(&config, "claude", &profile, &err), 0);
	assert_string_equal(profile.argv[0], "/opt/claude");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agents_are_known_by_name),
		cmocka_unit_test(the_configuration_adds_and_changes),
	};

	return RUN_TESTS(tests);
}
