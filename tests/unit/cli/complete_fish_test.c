/* SPDX-License-Identifier: ISC */

#include "cli/complete.h"
#include "tests/unit/unit.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tests/unit/cli/completed.h"
#include "tests/unit/cli/shell.h"

static const char *dir;

/* The candidates without their descriptions, for a line up to the cursor. */
static const char *
offered(const char *line)
{
	static struct buf out = BUF_INIT(1 << 20);
	AUTO_FREE char *command = xasprintf(
	    "cd %s; set -x HOME $PWD; set -x PATH $PWD/bin $PATH; "
	    "source ./script; complete -C '%s' | string replace -r '\\t.*' ''",
	    dir, line);

	buf_clear(&out);
	(void)shell_run(
	    (const char *const[]){ "fish", "-N", "-c", command, NULL }, &out);
	return buf_text(&out);
}

static void
commands_are_offered_level_by_level(void **state UNUSED)
{
	assert_offers(offered("ship "), "load", "run", "crew", "ps", "help",
		      "completion");
	assert_offers(offered("boat c"), "crew", "completion");
	assert_offers(offered("ship crew "), "ls");
	assert_offers(offered("ship -p 80 cr"), "crew");
}

static void
options_of_the_command_are_offered(void **state UNUSED)
{
	assert_offers(offered("ship run --"), "--tty", "--stdin", "--cmd",
		      "--json", "--jsonl", "--verbose", "--port", "--help");
	assert_offers(offered("ship ps --p"), "--port");
}

static void
choices_are_offered_as_values(void **state UNUSED)
{
	assert_offers(offered("ship load --stream "), "stdout", "stderr",
		      "both");
	assert_offers(offered("ship load --stream=std"), "--stream=stdout",
		      "--stream=stderr");
}

static void
what_changes_is_asked_of_the_program(void **state UNUSED)
{
	assert_offers(offered("ship load "), "cargo-1", "cargo-2");
	assert_offers(offered("ship run -p "), "port-1", "port-2");
}

static void
operands_are_counted_past_options(void **state UNUSED)
{
	assert_offers(offered("ship load --tail 5 x "), "bin/", "hold/");
	assert_offers(offered("ship load -- x "), "bin/", "hold/");
}

static void
the_rest_is_another_command(void **state UNUSED)
{
	assert_offers(offered("ship run cat car"), "cargo.txt");
}

static int
setup(void **state UNUSED)
{
	dir = completed_setup(cli_complete_fish);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_offered_level_by_level),
		cmocka_unit_test(options_of_the_command_are_offered),
		cmocka_unit_test(choices_are_offered_as_values),
		cmocka_unit_test(what_changes_is_asked_of_the_program),
		cmocka_unit_test(operands_are_counted_past_options),
		cmocka_unit_test(the_rest_is_another_command),
	};

	if (!shell_has("fish"))
		return 77;
	return cmocka_run_group_tests(tests, setup, NULL);
}
