/* SPDX-License-Identifier: ISC */

#include "core/run.h"
#include "tests/unit/unit.h"

#include "core/clock.h"

static int
run_sh(const char *script, uint64_t timeout_ms, struct buf *out,
       struct buf *errors, int *status, struct err *err)
{
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
			 (char *)(uintptr_t)script, NULL };

	return run_program(argv, timeout_ms, out, errors, status, err);
}

static void
output_errors_and_status_are_told_apart(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(64), errors = BUF_INIT(64);
	struct err err = ERR_INIT;
	int status = -1;

	assert_int_equal(run_sh("echo a; echo b >&2; cat; exit 3", 20000, &out,
				&errors, &status, &err),
			 0);
	assert_string_equal(buf_text(&out), "a\n");
	assert_string_equal(buf_text(&errors), "b\n");
	assert_int_equal(status, 3);
	assert_int_equal(
	    run_sh("kill -9 $$", 20000, &out, &errors, &status, &err), 0);
	assert_int_equal(status, 128 + 9);
}

static void
what_takes_too_long_is_killed_with_its_children(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(64), errors = BUF_INIT(64);
	struct err err = ERR_INIT;
	uint64_t start = clock_mono_ms();
	int status = -1;

	assert_int_equal(run_sh("tail -f /dev/null & exec tail -f /dev/null",
				50, &out, &errors, &status, &err),
			 -1);
	assert_err(err, ERR_TIMEOUT, "sh: it takes too long");
	assert_true(clock_mono_ms() - start < 10000);
}

static void
what_prints_too_much_is_ended(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(64), errors = BUF_INIT(64);
	struct err err = ERR_INIT;
	int status = -1;

	assert_int_equal(run_sh("while :; do echo line; done", 20000, &out,
				&errors, &status, &err),
			 -1);
	assert_err(err, ERR_LIMIT, "64 bytes");
}

static void
missing_program_is_named(void **state UNUSED)
{
	char *argv[] = { (char *)(uintptr_t) "berth-no-such-program", NULL };
	AUTO_BUF out = BUF_INIT(64), errors = BUF_INIT(64);
	struct err err = ERR_INIT;
	int status = -1;

	assert_int_equal(run_program(argv, 1000, &out, &errors, &status, &err),
			 -1);
	assert_err(err, ERR_NOT_FOUND, "berth-no-such-program");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_errors_and_status_are_told_apart),
		cmocka_unit_test(
		    what_takes_too_long_is_killed_with_its_children),
		cmocka_unit_test(what_prints_too_much_is_ended),
		cmocka_unit_test(missing_program_is_named),
	};

	return RUN_TESTS(tests);
}
