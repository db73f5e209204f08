/* SPDX-License-Identifier: ISC */

#include "berthd/login/env_file.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"

static int
set_home(void **state UNUSED)
{
	setenv("HOME", "/home/someone", 1);
	return 0;
}

static void
assert_refused(const char *text, size_t n, const char *message)
{
	struct env_file file;
	struct err err = ERR_INIT;

	assert_int_equal(env_file_init(&file, &err), 0);
	assert_int_equal(env_file_decode(&file, "f.env", text, n, &err), -1);
	assert_err(err, ERR_CONFIG, message);
	env_file_fini(&file);
}

static void
lines_set_the_login_and_the_environment(void **state UNUSED)
{
	static const char text[] = "# a comment\n"
				   "\n"
				   "CODEX_SSH_SESSION=work\n"
				   "export CODEX_SSH_WORKSPACE=~/w\n"
				   "  CODEX_SSH_COMMAND='codex \"--a b\" -c'\n"
				   "CODEX_SSH_RECORD=v3\n"
				   "CODEX_SSH_AUDIT=off\n"
				   "OPENAI_API_KEY=\"a b\"\n"
				   "EMPTY=\n"
				   "LAST=x";
	struct env_file file;
	struct err err = ERR_INIT;

	assert_int_equal(env_file_init(&file, &err), 0);
	assert_string_equal(file.session, "codex");
	assert_string_equal(file.workspace, "/home/someone/codex-workspace");
	assert_int_equal(
	    env_file_decode(&file, "f.env", text, strlen(text), &err), 0);
	assert_string_equal(file.session, "work");
	assert_string_equal(file.workspace, "/home/someone/w");
	assert_int_equal(strv_len(file.command), 3);
	assert_string_equal(file.command[1], "--a b");
	assert_string_equal(file.record, "v3");
	assert_string_equal(file.audit, "off");
	assert_string_equal(strv_env_get(file.env, "OPENAI_API_KEY"), "a b");
	assert_string_equal(strv_env_get(file.env, "EMPTY"), "");
	assert_string_equal(strv_env_get(file.env, "LAST"), "x");
	env_file_fini(&file);
}

static void
hostile_lines_are_refused_with_file_and_line(void **state UNUSED)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "A=1\n$(id)\n", "f.env:2: not NAME=VALUE" },
		{ "A=$(id)\n", "f.env:1: A: the command has \"$\"" },
		{ "A=`id`\n", "f.env:1: A: the command has \"`\"" },
		{ "A=1; id\n", "f.env:1: A: the command has \";\"" },
		{ "A=a b\n", "f.env:1: A: several words" },
		{ "A='a\nb'\n", "f.env:1: A: the command ends inside" },
		{ "A=1\nA=2\n", "f.env:2: A stands twice" },
		{ "1A=1\n", "f.env:1: not NAME=VALUE" },
		{ "A B=1\n", "f.env:1: not NAME=VALUE" },
		{ "A\n", "f.env:1: not NAME=VALUE" },
		{ "LD_PRELOAD=/x.so\n", "f.env:1: LD_PRELOAD: it decides" },
		{ "BASH_ENV=/x\n", "f.env:1: BASH_ENV: it decides" },
		{ "CODEX_SSH_SESION=a\n",
		  "f.env:1: CODEX_SSH_SESION: no such setting" },
		{ "CODEX_SSH_SESSION='a:b'\n",
		  "f.env:1: CODEX_SSH_SESSION: a name is" },
		{ "CODEX_SSH_SESSION='../x'\n", "a name is" },
		{ "CODEX_SSH_SESSION=-x\n", "a name is" },
		{ "CODEX_SSH_WORKSPACE=x\n", "not an absolute path" },
		{ "CODEX_SSH_COMMAND=\n", "no command" },
		{ "CODEX_SSH_COMMAND='codex; id'\n", "a second command" },
		{ "CODEX_SSH_RECORD=yes\n", "one of off, v2 and v3" },
		{ "A=\033[2J\n", "0x1b" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_refused(rows[i].text, strlen(rows[i].text),
			       rows[i].message);
	assert_refused("A=1\nB=\0x\n", 9, "f.env:2: a NUL byte");
}

static void
a_file_that_others_can_write_is_refused(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "f.env");
	struct env_file file;
	struct err err = ERR_INIT;

	assert_int_equal(fs_write_atomic(AT_FDCWD, path, "A=1\n", 4, 0, &err),
			 0);
	assert_int_equal(env_file_init(&file, &err), 0);
	assert_int_equal(env_file_load(&file, path, &err), 0);
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(env_file_load(&file, path, &err), -1);
	assert_err(err, ERR_DENIED, "can be written by others");
	assert_int_equal(env_file_load(&file, unit_temp_dir(), &err), -1);
	assert_err(err, ERR_DENIED, "is not a file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(env_file_load(&file, path, &err), 0);
	env_file_fini(&file);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_set_the_login_and_the_environment),
		cmocka_unit_test(hostile_lines_are_refused_with_file_and_line),
		cmocka_unit_test(a_file_that_others_can_write_is_refused),
	};

	return cmocka_run_group_tests(tests, set_home, NULL);
}
