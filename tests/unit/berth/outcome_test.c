/* SPDX-License-Identifier: ISC */

#include "berth/outcome.h"
#include "tests/unit/unit.h"

#include "client/exec_json.h"
#include "core/buf.h"

static struct exec_result
ended(const char *state, int64_t exit_code, const char *signal)
{
	return (struct exec_result){ .state = (char *)(uintptr_t)state,
				     .exit_code = exit_code,
				     .signal = (char *)(uintptr_t)signal };
}

static void
assert_outcome(const struct exec_result *r, int status, const char *words,
	       enum style style)
{
	AUTO_BUF out = BUF_INIT(128);

	outcome_words(r, &out);
	assert_string_equal(buf_text(&out), words);
	assert_int_equal(outcome_status(r), status);
	assert_int_equal(outcome_style(r), style);
}

static void
each_end_has_its_status_words_and_colour(void **state UNUSED)
{
	char finished[] = "finished", running[] = "running";
	struct exec_result good = ended("exited", 0, NULL),
			   bad = ended("exited", 3, NULL),
			   killed = ended("signalled", 139, "SIGSEGV"),
			   late = ended("timeout", 124, NULL),
			   gone = ended("lost", -1, NULL),
			   codexd = ended(NULL, 2, NULL),
			   runs = ended("running", -1, NULL),
			   codexd_runs = ended(NULL, -1, NULL);

	good.status = bad.status = killed.status = late.status = gone.status =
	    codexd.status = finished;
	runs.status = codexd_runs.status = running;
	assert_outcome(&good, 0, "exited 0", STYLE_GREEN);
	assert_outcome(&bad, 3, "exited 3", STYLE_RED);
	assert_outcome(&killed, 139, "killed by SIGSEGV", STYLE_RED);
	assert_outcome(&late, 124, "timeout", STYLE_RED);
	assert_outcome(&gone, 125, "lost", STYLE_RED);
	assert_outcome(&codexd, 2, "exited 2", STYLE_RED);
	assert_outcome(&runs, 125, "running", STYLE_BLUE);
	assert_outcome(&codexd_runs, 125, "running", STYLE_BLUE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_has_its_status_words_and_colour),
	};

	return RUN_TESTS(tests);
}
