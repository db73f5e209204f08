/* SPDX-License-Identifier: ISC */

#include "link/program.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"

static const char *dir;

static void
put(const char *name, const char *text)
{
	AUTO_FREE char *path = path_join(dir, name);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
}

static void
each_machine_gets_its_program(void **state UNUSED)
{
	static const char *const machines[] = { "x86_64", "amd64", "aarch64",
						"arm64" };
	struct err err = ERR_INIT;

	put("berthd-x86_64", "abc");
	put("berthd-aarch64", "");
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		struct program p = { .path = NULL };

		assert_int_equal(program_find(dir, machines[i], &p, &err), 0);
		assert_true(str_ends(p.path, i < 2 ? "/berthd-x86_64"
						   : "/berthd-aarch64"));
		assert_string_equal(
		    p.sha1, i < 2 ? "a9993e364706816aba3e25717850c26c9cd0d89d"
				  : "da39a3ee5e6b4b0d3255bfef95601890afd80709");
		program_fini(&p);
	}
}

static void
what_is_not_there_is_named(void **state UNUSED)
{
	static const char *const bad[] = { "riscv64", "", "../x86_64",
					   "x86_64/..", "\033[0m" };
	struct program p = { .path = NULL };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(program_find(dir, bad[i], &p, &err), -1);
		assert_int_equal(err.code, ERR_UNSUPPORTED);
		assert_null(strchr(err.msg, '\033'));
	}
	assert_int_equal(program_find("/nonexistent", "x86_64", &p, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "berthd-x86_64"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_machine_gets_its_program),
		cmocka_unit_test(what_is_not_there_is_named),
	};

	dir = unit_temp_dir();
	return RUN_TESTS(tests);
}
