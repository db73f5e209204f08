/* SPDX-License-Identifier: ISC */

#include "cli/complete.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "tests/unit/cli/completed.h"
#include "tests/unit/cli/shell.h"

static const char *dir;

/*
 * The candidates for a line up to the cursor, from a zsh on a terminal of its
 * own (zpty): a widget completes what it is given and lists what compadd took.
 */
static const char session[] =
    "zmodload zsh/zpty\n"
    "zpty z zsh -f -i\n"
    "z() { zpty -w z \"$1\"; }\n"
    "z 'PS1= PS2= HOME=$PWD; PATH=$PWD/bin:$PATH'\n"
    "z 'autoload -U compinit; compinit -D; source ./script'\n"
    "z 'compadd() { local -a got; builtin compadd -O got \"$@\"; "
    "print -rl -- \"got:\"$^got; builtin compadd \"$@\" }'\n"
    "z 'zstyle \":completion:*\" verbose no; unsetopt auto_list'\n"
    "z 'finish() { print -r -- do\"\"ne }; zle -N finish'\n"
    "z 'bindkey \"^X\" finish; print rea\"\"dy'\n"
    "zpty -r z line '*ready*'\n"
    "zpty -w -n z \"$1\"$'\\t\\C-x'\n"
    "while zpty -r z line; do\n"
    "	line=${line//$'\\r'/}\n"
    "	[[ $line == *done* ]] && break\n"
    "	[[ $line == *got:?* ]] && print -r -- ${line##*got:}\n"
    "done | sort -u\n";

static const char *
offered(const char *line)
{
	static struct buf out = BUF_INIT(1 << 20);
	AUTO_FREE char *command = xasprintf("cd %s; %s", dir, session);

	buf_clear(&out);
	assert_int_equal(
	    shell_run((const char *const[]){ "zsh", "-f", "-c", command, "zsh",
					     line, NULL },
		      &out),
	    0);
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
	assert_offers(offered("ship ps --p"), "--port");
	assert_offers(offered("ship run --j"), "--json", "--jsonl");
}

static void
choices_are_offered_as_values(void **state UNUSED)
{
	assert_offers(offered("ship load --stream "), "stdout", "stderr",
		      "both");
	assert_offers(offered("ship load --stream=std"), "stdout", "stderr");
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
	assert_offers(offered("ship load --tail 5 x h"), "hold");
	assert_offers(offered("ship load -- x h"), "hold");
}

static void
the_rest_is_another_command(void **state UNUSED)
{
	assert_offers(offered("ship run cat car"), "cargo.txt");
}

static int
setup(void **state UNUSED)
{
	dir = completed_setup(cli_complete_zsh);
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

	if (!shell_has("zsh"))
		return 77;
	return cmocka_run_group_tests(tests, setup, NULL);
}
