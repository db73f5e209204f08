/* SPDX-License-Identifier: ISC */

#include "machine/aliases.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"

static void
assert_names(char **names, const char *wanted)
{
	char text[1024] = "";
	size_t used = 0;

	for (; names && *names; names++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%s", used ? " " : "", *names);
	assert_string_equal(text, wanted);
}

static void
hosts_are_read_and_patterns_are_not(void **state UNUSED)
{
	static const char text[] = "# Host comment\n"
				   "host = one\n"
				   "  HOST two \"three\" # four\n"
				   "Host=five\r\n"
				   "Host *.corp !six se?en\n"
				   "HostName nine\n"
				   "Hosts ten\n"
				   "Host -bad a;b one local\n"
				   "Match host eleven\n"
				   "Include a \"b c\"\n"
				   "Host twelve";
	AUTO_STRV char **names = NULL;
	AUTO_STRV char **includes = NULL;

	aliases_parse(text, strlen(text), &names, &includes);
	assert_names(names, "one two three five twelve");
	assert_names(includes, "a b c");
	assert_int_equal(strv_len(includes), 2);
}

static void
put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = path_join(dir, name);
	struct err err = ERR_INIT;

	assert_int_equal(fs_replace(path, text, strlen(text), 0, &err), 0);
}

static void
includes_are_followed_and_circles_end(void **state UNUSED)
{
	const char *home = unit_temp_dir();
	AUTO_FREE char *ssh = path_join(home, ".ssh");
	AUTO_FREE char *dir = path_join(ssh, "conf.d");
	AUTO_STRV char **names = NULL;
	struct err err = ERR_INIT;

	setenv("HOME", home, 1);
	unsetenv("BERTH_SSH_CONFIG");
	assert_int_equal(aliases_read(&names, &err), 0);
	assert_null(names);
	assert_int_equal(fs_mkdir_parents(dir, &err), 0);
	put(ssh, "config", "Host a\nInclude conf.d/*.conf ~/.ssh/more none\n");
	put(dir, "1.conf", "Host b\nInclude config\n");
	put(dir, "2.conf", "Host c a\n");
	put(ssh, "more", "Host d\n");
	assert_int_equal(aliases_read(&names, &err), 0);
	assert_names(names, "a b c d");
}

static void
other_file_can_be_named(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *path = path_join(dir, "other");
	AUTO_STRV char **names = NULL;
	struct err err = ERR_INIT;

	put(dir, "other", "Host z\n");
	setenv("BERTH_SSH_CONFIG", path, 1);
	assert_int_equal(aliases_read(&names, &err), 0);
	assert_names(names, "z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_read_and_patterns_are_not),
		cmocka_unit_test(includes_are_followed_and_circles_end),
		cmocka_unit_test(other_file_can_be_named),
	};

	return RUN_TESTS(tests);
}
