/* SPDX-License-Identifier: ISC */

#include "cli/cli.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/strv.h"
#include "tests/unit/cli/ship.h"

static void
auto_call(struct cli_call *call)
{
	cli_call_fini(call);
}

#define AUTO_CALL __attribute__((cleanup(auto_call))) struct cli_call

/* The args of a line that must be right. */
static void *
parsed(const char *line, struct cli_call *call)
{
	struct err err = ERR_INIT;

	if (ship_parse(line, call, &err) < 0)
		fail_msg("%s: %s", line, err.msg);
	assert_int_equal(call->want, CLI_WANT_RUN);
	return call->args;
}

static void
refused(const char *line, const char *message, const char *hint)
{
	AUTO_CALL call = CLI_CALL_INIT;
	struct err err = ERR_INIT;

	if (ship_parse(line, &call, &err) == 0)
		fail_msg("%s was accepted", line);
	assert_err(err, ERR_INVALID, message);
	if (strstr(err.hint, hint) == NULL)
		fail_msg("%s: hint is: %s", line, err.hint);
}

static void
values_reach_their_members(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct load_args *args;

	args = parsed("ship load --force -n 5 --size=2K --wait 1m30s --stream "
		      "stderr -lA=1 --label B=2 --json -v coal hold",
		      &call);
	assert_true(args->force);
	assert_int_equal(args->tail, 5);
	assert_int_equal(args->size, 2048);
	assert_int_equal(args->wait_ms, 90000);
	assert_int_equal(args->stream, 1);
	assert_int_equal(strv_len(args->labels), 2);
	assert_string_equal(args->labels[1], "B=2");
	assert_int_equal(args->common.format, 1);
	assert_true(args->common.verbose);
	assert_string_equal(args->id, "coal");
	assert_string_equal(args->where, "hold");
}

static void
defaults_are_what_the_table_holds(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct load_args *args = parsed("ship load x", &call);

	assert_true(args->tail == CLI_UNSET);
	assert_int_equal(args->stream, 2);
	assert_null(args->labels);
	assert_null(args->where);
	assert_false(args->force);
}

/* As scripts for Go programs write it. */
static void
one_dash_is_as_good_as_two(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct load_args *args;

	args = parsed("ship load -id coal -tail 7 -force=true -stream=stdout "
		      "-json",
		      &call);
	assert_string_equal(args->id, "coal");
	assert_int_equal(args->tail, 7);
	assert_true(args->force);
	assert_int_equal(args->stream, 0);
	assert_int_equal(args->common.format, 1);
}

static void
flags_can_be_taken_back(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct load_args *args;

	args = parsed("ship load x -f --force=false --json=false", &call);
	assert_false(args->force);
	assert_int_equal(args->common.format, 0);
	refused("ship load x --force=maybe", "neither true nor false", "");
}

static void
letters_are_bundled_and_the_last_may_have_a_value(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct run_args *args = parsed("ship run -itvcls", &call);

	assert_true(args->tty && args->stdin_too && args->common.verbose);
	assert_string_equal(args->cmd, "ls");
	refused("ship run -itx", "no option -x", "lists the options");
	refused("ship run -itc", "--cmd needs a value: LINE",
		"'ship run --help' shows the usage");
}

static void
aliases_of_options_and_commands_work(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct load_args *args;

	args = parsed("ship stow --last 9 x", &call);
	assert_int_equal(args->tail, 9);
	assert_string_equal(cli_call_command(&call)->name, "load");
	cli_call_fini(&call);
	parsed("ship ps -v", &call);
	assert_int_equal(call.depth, 3);
	assert_string_equal(call.path[1]->name, "crew");
	assert_string_equal(call.path[2]->name, "ls");
}

static void
names_are_never_abbreviated(void **state UNUSED)
{
	refused("ship load x --for", "no option --for", "");
	refused("ship loa x", "no command \"loa\"", "'ship load'");
}

static void
typing_errors_are_guessed(void **state UNUSED)
{
	refused("ship load x --tial 5", "no option --tial", "--tail?");
	refused("ship load x --froce", "no option --froce", "--force?");
	refused("ship laod", "no command \"laod\"", "'ship load'");
	refused("ship crew sl", "ship crew has no command", "'ship crew ls'");
	refused("ship load x --stream stdot", "--stream: \"stdot\" is none",
		"stdout?");
	refused("ship load x --wibble", "--wibble", "lists the options");
	refused("ship xyzzy", "xyzzy", "lists the commands");
}

static void
hidden_rows_work_but_are_not_suggested(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct load_args *args = parsed("ship load --id x", &call);

	assert_string_equal(args->id, "x");
	refused("ship load x --di 1", "no option --di", "lists the options");
	refused("ship __complet", "no command", "lists the commands");
}

static void
an_operand_that_an_option_filled_is_skipped(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct load_args *args;

	args = parsed("ship load --id coal hold", &call);
	assert_string_equal(args->id, "coal");
	assert_string_equal(args->where, "hold");
	refused("ship load --id a b c", "unexpected argument \"c\"",
		"shows the usage");
}

static void
two_dashes_end_the_options(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct load_args *args = parsed("ship load -- -f --", &call);

	assert_false(args->force);
	assert_string_equal(args->id, "-f");
	assert_string_equal(args->where, "--");
}

static void
the_rest_is_taken_as_it_is(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct run_args *args;

	args = parsed("ship run -t make -j4 --json -- x", &call);
	assert_true(args->tty);
	assert_int_equal(args->common.format, 0);
	assert_int_equal(strv_len(args->words), 5);
	assert_string_equal(args->words[1], "-j4");
	assert_string_equal(args->words[3], "--");
	cli_call_fini(&call);
	args = parsed("ship run -- -t", &call);
	assert_false(args->tty);
	assert_string_equal(args->words[0], "-t");
	cli_call_fini(&call);
	args = parsed("ship run -- -- x", &call);
	assert_string_equal(args->words[0], "--");
}

static void
common_options_may_come_before_the_command(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct run_args *args;

	args = parsed("ship -p 80 --json run -v x", &call);
	assert_string_equal(args->common.port, "80");
	assert_int_equal(args->common.format, 1);
	assert_true(args->common.verbose);
	assert_string_equal(args->words[0], "x");
	cli_call_fini(&call);
	parsed("ship -p 80 crew ls -v", &call);
	refused("ship --json help", "ship help has no option --json", "");
	refused("ship -p", "--port needs a value: PORT",
		"'ship --help' shows the usage");
}

static void
the_environment_holds_defaults(void **state UNUSED)
{
	AUTO_CALL call = CLI_CALL_INIT;
	const struct run_args *args;

	setenv("SHIP_PORT", "22", 1);
	args = parsed("ship run x", &call);
	assert_string_equal(args->common.port, "22");
	cli_call_fini(&call);
	args = parsed("ship run -p 23 x", &call);
	assert_string_equal(args->common.port, "23");
	setenv("SHIP_PORT", "", 1);
	cli_call_fini(&call);
	args = parsed("ship run x", &call);
	assert_null(args->common.port);
	unsetenv("SHIP_PORT");
}

static void
what_is_required_is_demanded(void **state UNUSED)
{
	refused("ship load --force", "ship load needs ID", "shows the usage");
	refused("ship completion", "needs SHELL", "");
}

static void
bad_values_name_their_option(void **state UNUSED)
{
	refused("ship load x --tail 0", "--tail: 0 is not between", "");
	refused("ship load x --tail 101", "--tail: 101 is not between", "");
	refused("ship load x -n y", "--tail: \"y\" is not a number", "");
	refused("ship load x --size 3Q", "--size: ", "");
	refused("ship load x --wait soon", "--wait: ", "");
}

static enum cli_want
wanted(const char *line, size_t depth)
{
	AUTO_CALL call = CLI_CALL_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(ship_parse(line, &call, &err), 0);
	assert_int_equal(call.depth, depth);
	return call.want;
}

static void
help_is_given_on_every_level(void **state UNUSED)
{
	assert_int_equal(wanted("ship --help", 1), CLI_WANT_HELP);
	assert_int_equal(wanted("ship -h", 1), CLI_WANT_HELP);
	assert_int_equal(wanted("ship crew --help", 2), CLI_WANT_HELP);
	assert_int_equal(wanted("ship crew ls -h", 3), CLI_WANT_HELP);
	assert_int_equal(wanted("ship load -help", 2), CLI_WANT_HELP);
	assert_int_equal(wanted("ship run -t --help x", 2), CLI_WANT_HELP);
	assert_int_equal(wanted("ship run x --help", 2), CLI_WANT_RUN);
	assert_int_equal(wanted("ship --version", 1), CLI_WANT_VERSION);
	assert_int_equal(wanted("ship", 1), CLI_WANT_COMMAND);
	assert_int_equal(wanted("ship -v crew", 2), CLI_WANT_COMMAND);
}

static void
a_mistyped_word_is_shown_harmless(void **state UNUSED)
{
	refused("ship \033[2J", "\\x1b[2J", "");
	refused("ship load x --\033[2J", "\\x1b[2J", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_reach_their_members),
		cmocka_unit_test(defaults_are_what_the_table_holds),
		cmocka_unit_test(one_dash_is_as_good_as_two),
		cmocka_unit_test(flags_can_be_taken_back),
		cmocka_unit_test(
		    letters_are_bundled_and_the_last_may_have_a_value),
		cmocka_unit_test(aliases_of_options_and_commands_work),
		cmocka_unit_test(names_are_never_abbreviated),
		cmocka_unit_test(typing_errors_are_guessed),
		cmocka_unit_test(hidden_rows_work_but_are_not_suggested),
		cmocka_unit_test(an_operand_that_an_option_filled_is_skipped),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(the_rest_is_taken_as_it_is),
		cmocka_unit_test(common_options_may_come_before_the_command),
		cmocka_unit_test(the_environment_holds_defaults),
		cmocka_unit_test(what_is_required_is_demanded),
		cmocka_unit_test(bad_values_name_their_option),
		cmocka_unit_test(help_is_given_on_every_level),
		cmocka_unit_test(a_mistyped_word_is_shown_harmless),
	};

	return RUN_TESTS(tests);
}
