/* SPDX-License-Identifier: ISC */

#include "berth/spec_args.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>

#include "berth/common.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"

static const struct where_args here;
static const struct cli_call as_berth = { .invoked = "berth" };
static const struct cli_call as_codex = { .invoked = "codex-remote" };

static char *words[] = { (char[]){ "make" }, (char[]){ "-j8" }, NULL };

static void
assert_refused(const struct spec_args *args, const char *message)
{
	AUTO_REQUEST request = { .script = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(request_init(&request, &as_berth, &here, args, &err),
			 -1);
	assert_err(err, ERR_INVALID, message);
}

static void
one_thing_is_run(void **state UNUSED)
{
	assert_refused(&(struct spec_args){ .cmd = NULL }, "nothing to run");
	assert_refused(&(struct spec_args){ .cmd = "x", .words = words },
		       "only one of");
	assert_refused(&(struct spec_args){ .cmd = "x", .script = "y" },
		       "only one of");
}

static void
words_are_run_as_they_are(void **state UNUSED)
{
	struct spec_args args = { .words = words, .nice = 5 };
	AUTO_REQUEST request = { .script = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(request_init(&request, &as_berth, &here, &args, &err),
			 0);
	assert_ptr_equal(request.spec.argv, words);
	assert_null(request.spec.cmd);
	assert_int_equal(request.spec.nice, 5);
	assert_non_null(request.spec.key);
}

static void
the_current_directory_is_ours_alone(void **state UNUSED)
{
	struct spec_args args = { .cmd = "x" };
	const char *dir = unit_temp_dir();
	AUTO_FREE char *sub = path_join(dir, "sub");
	struct where_args there = { .addr = "127.0.0.1:1" };
	struct err err = ERR_INIT;

	assert_int_equal(chdir(dir), 0);
	{
		AUTO_REQUEST request = { .script = NULL };

		request_init(&request, &as_berth, &here, &args, &err);
		assert_string_equal(request.spec.cwd, dir);
	}
	args.cwd = "sub";
	{
		AUTO_REQUEST request = { .script = NULL };

		request_init(&request, &as_berth, &here, &args, &err);
		assert_string_equal(request.spec.cwd, sub);
	}
	{
		AUTO_REQUEST request = { .script = NULL };

		request_init(&request, &as_codex, &here, &args, &err);
		assert_string_equal(request.spec.cwd, "sub");
	}
	args.cwd = NULL;
	{
		AUTO_REQUEST request = { .script = NULL };

		request_init(&request, &as_berth, &there, &args, &err);
		assert_null(request.spec.cwd);
	}
}

static void
variables_without_value_are_copied(void **state UNUSED)
{
	char *env[] = { (char[]){ "A=1=2" }, (char[]){ "HERE" }, NULL };
	struct spec_args args = { .cmd = "x", .env = env };
	AUTO_REQUEST request = { .script = NULL };
	struct err err = ERR_INIT;

	setenv("HERE", "yes", 1);
	assert_int_equal(request_init(&request, &as_berth, &here, &args, &err),
			 0);
	assert_string_equal(request.spec.env[0], "A=1=2");
	assert_string_equal(request.spec.env[1], "HERE=yes");
	unsetenv("HERE");
	assert_refused(&args, "HERE is not set here");
}

static void
labels_have_names_and_values(void **state UNUSED)
{
	char *labels[] = { (char[]){ "night" }, NULL };

	assert_refused(&(struct spec_args){ .cmd = "x", .labels = labels },
		       "not NAME=VALUE");
}

static void
a_script_is_sent_with_its_arguments(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "script");
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT, 0600);
	struct spec_args args = { .script = path, .words = words };
	struct err err = ERR_INIT;

	assert_refused(&args, "is empty");
	assert_int_equal(write_full(fd, "echo \"$@\"\n", 10), 0);
	{
		AUTO_REQUEST request = { .script = NULL };

		assert_int_equal(
		    request_init(&request, &as_berth, &here, &args, &err), 0);
		assert_string_equal(request.spec.script, "echo \"$@\"\n");
		assert_ptr_equal(request.spec.script_args, words);
	}
	assert_int_equal(write_full(fd, "\xff", 1), 0);
	assert_refused(&args, "is not text");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thing_is_run),
		cmocka_unit_test(words_are_run_as_they_are),
		cmocka_unit_test(the_current_directory_is_ours_alone),
		cmocka_unit_test(variables_without_value_are_copied),
		cmocka_unit_test(labels_have_names_and_values),
		cmocka_unit_test(a_script_is_sent_with_its_arguments),
	};

	return RUN_TESTS(tests);
}
