/* SPDX-License-Identifier: ISC */

#include "client/spawn.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"

/* A program `berthd' that is this script. */
static char *
program(const char *script)
{
	char *path = path_join(unit_temp_dir(), "berthd");
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	assert_int_equal(write_full(fd, "#!/bin/sh\n", 10), 0);
	assert_int_equal(write_full(fd, script, strlen(script)), 0);
	return path;
}

static void
the_named_daemon_is_run_detached(void **state UNUSED)
{
	AUTO_FREE char *path = program("test \"$*\" = 'serve --detach'\n");
	struct err err = ERR_INIT;

	setenv("BERTHD", path, 1);
	assert_int_equal(spawn_daemon(&err), 0);
}

static void
its_own_words_tell_why_it_failed(void **state UNUSED)
{
	AUTO_FREE char *path = program("echo 'berthd: no \033room' >&2\n"
				       "echo more >&2; exit 1\n");
	struct err err = ERR_INIT;

	setenv("BERTHD", path, 1);
	assert_int_equal(spawn_daemon(&err), -1);
	assert_err(err, ERR_REMOTE, "start the daemon: no \\x1broom");
	assert_null(strstr(err.msg, "more"));
	assert_non_null(strstr(err.hint, path));
}

static void
silence_is_told_too(void **state UNUSED)
{
	AUTO_FREE char *path = program("exit 1\n");
	struct err err = ERR_INIT;

	setenv("BERTHD", path, 1);
	assert_int_equal(spawn_daemon(&err), -1);
	assert_err(err, ERR_REMOTE, "without a word");
	setenv("BERTHD", "/nonexistent/berthd", 1);
	assert_int_equal(spawn_daemon(&err), -1);
	assert_err(err, ERR_SYSTEM, "start /nonexistent/berthd");
}

/* What it leaves behind may hold its standard error for ever. */
static void
a_daemon_that_keeps_its_pipe_is_not_waited_for(void **state UNUSED)
{
	AUTO_FREE char *gate = path_join(unit_temp_dir(), "gate");
	AUTO_FREE char *script = xasprintf("read x <%s 2>&2 &\nexit 0\n", gate);
	AUTO_FREE char *path = program(script);
	struct err err = ERR_INIT;

	assert_int_equal(mkfifo(gate, 0600), 0);
	setenv("BERTHD", path, 1);
	assert_int_equal(spawn_daemon(&err), 0);
	close(open(gate, O_WRONLY));
}

static void
it_is_looked_for_in_path(void **state UNUSED)
{
	AUTO_FREE char *path = program("exit 0\n");
	AUTO_FREE char *dir = xstrndup(path, strlen(path) - strlen("/berthd"));
	AUTO_FREE char *list = xasprintf("/nonexistent:%s", dir);
	AUTO_FREE char *found = NULL;
	struct err err = ERR_INIT;

	unsetenv("BERTHD");
	setenv("PATH", list, 1);
	found = spawn_find_daemon(&err);
	assert_string_equal(found, path);
	setenv("PATH", "/nonexistent", 1);
	assert_null(spawn_find_daemon(&err));
	assert_err(err, ERR_NOT_FOUND, "not installed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_named_daemon_is_run_detached),
		cmocka_unit_test(its_own_words_tell_why_it_failed),
		cmocka_unit_test(silence_is_told_too),
		cmocka_unit_test(
		    a_daemon_that_keeps_its_pipe_is_not_waited_for),
		cmocka_unit_test(it_is_looked_for_in_path),
	};

	return RUN_TESTS(tests);
}
