/* SPDX-License-Identifier: ISC */

#include "berthd/tool.h"
#include "tests/unit/unit.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/strv.h"

extern char **environ;

static int
run(const char *script, uint64_t timeout_ms, struct buf *out, struct err *err)
{
	AUTO_STRV char **argv = NULL;

	strv_add(&argv, "sh");
	strv_add(&argv, "-c");
	strv_add(&argv, script);
	return tool_run(argv, environ, timeout_ms, out, err);
}

static void
status_and_words_come_back(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(1024);
	struct err err = ERR_INIT;

	assert_int_equal(run("echo a; echo b >&2; exit 3", 10000, &out, &err),
			 3);
	assert_string_equal(buf_text(&out), "a\nb\n");
	assert_int_equal(run("kill -9 $$", 10000, &out, &err), 128 + 9);
}

static void
what_hangs_is_killed(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(1024);
	struct err err = ERR_INIT;
	uint64_t before = clock_mono_ms();

	assert_int_equal(run("exec tail -f /dev/null", 50, &out, &err), -1);
	assert_int_equal(err.code, ERR_TIMEOUT);
	assert_true(clock_mono_ms() - before < 5000);
}

static void
what_is_missing_is_named(void **state UNUSED)
{
	AUTO_STRV char **argv = NULL;
	AUTO_BUF out = BUF_INIT(1024);
	struct err err = ERR_INIT;

	strv_add(&argv, "berth-has-no-such-tool");
	assert_int_equal(tool_run(argv, environ, 50, &out, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_and_words_come_back),
		cmocka_unit_test(what_hangs_is_killed),
		cmocka_unit_test(what_is_missing_is_named),
	};

	return RUN_TESTS(tests);
}
