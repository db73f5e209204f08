/* SPDX-License-Identifier: ISC */

#include "cli/complete.h"
#include "tests/unit/unit.h"

#include "core/buf.h"
#include "core/mem.h"
#include "tests/unit/cli/completed.h"
#include "tests/unit/cli/shell.h"

static const char *dir;

/*
 * Words as bash would hand them over, the last one at the cursor.  Bash has no
 * completion on request outside a terminal, so the function is called as bash
 * calls it.
 */
static const char *
offered(const char *words)
{
	static struct buf out = BUF_INIT(1 << 20);
	AUTO_FREE char *line = xasprintf(
	    "cd %s && PATH=$PWD/bin:$PATH && source ./script && "
	    "COMP_WORDS=(ship %s) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && "
	    "{ _ship; printf '%%s\\n' \"${COMPREPLY[@]}\"; }",
	    dir, words);

	buf_clear(&out);
	assert_int_equal(shell_run((const char *const[]){ "bash", "--norc",
							  "-c", line, NULL },
				   &out),
			 0);
	return buf_text(&out);
}

static void
commands_are_offered_level_by_level(void **state UNUSED)
{
	assert_offers(offered("''"), "load", "run", "crew", "ps", "help",
		      "completion");
	assert_offers(offered("c"), "crew", "completion");
	assert_offers(offered("crew ''"), "ls");
	assert_offers(offered("-p 80 cr"), "crew");
}

static void
options_of_the_command_are_offered(void **state UNUSED)
{
	assert_offers(offered("run --"), "--tty", "--stdin", "--cmd", "--json",
		      "--jsonl", "--verbose", "--port", "--help");
	assert_offers(offered("ps --p"), "--port");
	assert_offers(offered("stow --fo"), "--force");
}

static void
choices_are_offered_as_values(void **state UNUSED)
{
	assert_offers(offered("load --stream ''"), "stdout", "stderr", "both");
	assert_offers(offered("load --stream = std"), "stdout", "stderr");
	assert_offers(offered("load --stream ="), "stdout", "stderr", "both");
}

static void
what_changes_is_asked_of_the_program(void **state UNUSED)
{
	assert_offers(offered("load ''"), "cargo-1", "cargo-2");
	assert_offers(offered("load -f cargo-1"), "cargo-1");
	assert_offers(offered("run -p ''"), "port-1", "port-2");
}

static void
operands_are_counted_past_options(void **state UNUSED)
{
	assert_offers(offered("load --tail 5 x ''"), "bin", "hold");
	assert_offers(offered("load -- x ''"), "bin", "hold");
	assert_offers_nothing(offered("load x y ''"));
}

static void
the_rest_is_another_command(void **state UNUSED)
{
	assert_offers(offered("run -t ship"), "ship");
	assert_offers(offered("run cat car"), "cargo.txt");
	assert_offers(offered("run -- cat car"), "cargo.txt");
}

static int
setup(void **state UNUSED)
{
	dir = completed_setup(cli_complete_bash);
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

	if (!shell_has("bash"))
		return 77;
	return cmocka_run_group_tests(tests, setup, NULL);
}
