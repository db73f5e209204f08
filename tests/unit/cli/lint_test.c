/* SPDX-License-Identifier: ISC */

#include "cli/lint.h"
#include "tests/unit/unit.h"

#include "tests/unit/cli/ship.h"

struct args {
	bool a, b;
	const char *text;
	char **texts;
};

static int
run(const struct cli_call *call UNUSED, struct err *err UNUSED)
{
	return 0;
}

/* A program with one command with these rows. */
static void
assert_refused(const struct cli_option *options,
	       const struct cli_operand *operands, const char *message)
{
	struct cli_group group = { "Options", options };
	struct cli_use use[] = { { &group }, { 0 } };
	struct cli_command only = { .name = "only",
				    .summary = "Nothing else",
				    .groups = use,
				    .operands = operands,
				    .args_size = sizeof(struct args),
				    .run = run };
	const struct cli_command *const commands[] = { &only, NULL };
	struct cli_command root = { .name = "x",
				    .summary = "A program",
				    .commands = commands };
	struct cli_program program = { .root = &root };
	struct err err = ERR_INIT;

	assert_int_equal(cli_lint(&program, &err), -1);
	assert_err(err, ERR_CONFIG, message);
}

static void
a_good_table_passes(void **state UNUSED)
{
	struct err err = ERR_INIT;

	if (cli_lint(&ship, &err) < 0)
		fail_msg("%s", err.msg);
}

static void
names_are_used_once(void **state UNUSED)
{
	assert_refused(
	    (const struct cli_option[]){
		CLI_OPTION(struct args, a, FLAG, "all", 0, .help = "A"),
		CLI_OPTION(struct args, b, FLAG, "all", 0, .help = "B"),
		{ 0 } },
	    NULL, "x only: all: named twice");
	assert_refused(
	    (const struct cli_option[]){
		CLI_OPTION(struct args, a, FLAG, "all", 'a', .help = "A"),
		CLI_OPTION(struct args, b, FLAG, "any", 'a', .help = "B"),
		{ 0 } },
	    NULL, "named twice");
	assert_refused(
	    (const struct cli_option[]){
		CLI_OPTION(struct args, a, FLAG, "all", 0, .help = "A",
			   .aliases = "one any"),
		CLI_OPTION(struct args, b, FLAG, "any", 0, .help = "B"),
		{ 0 } },
	    NULL, "named twice");
}

static void
help_is_a_sentence(void **state UNUSED)
{
	assert_refused(
	    (const struct cli_option[]){
		CLI_OPTION(struct args, a, FLAG, "all", 0), { 0 } },
	    NULL, "help is no sentence");
	assert_refused(
	    (const struct cli_option[]){ CLI_OPTION(struct args, a, FLAG, "all",
						    0, .help = "All of them."),
					 { 0 } },
	    NULL, "help is no sentence");
}

static void
values_have_placeholders(void **state UNUSED)
{
	assert_refused(
	    (const struct cli_option[]){ CLI_OPTION(struct args, text, TEXT,
						    "text", 0,
						    .help = "A text"),
					 { 0 } },
	    NULL, "no placeholder");
	assert_refused(
	    (const struct cli_option[]){ CLI_OPTION(struct args, text, CHOICE,
						    "text", 0, .arg = "X",
						    .help = "A text"),
					 { 0 } },
	    NULL, "choices do not fit");
}

static void
members_lie_in_the_args(void **state UNUSED)
{
	assert_refused(
	    (const struct cli_option[]){ { .name = "far",
					   .kind = CLI_FLAG,
					   .help = "Far",
					   .offset = sizeof(struct args) },
					 { 0 } },
	    NULL, "not a member");
}

static void
nothing_follows_an_operand_that_takes_all(void **state UNUSED)
{
	assert_refused(
	    (const struct cli_option[]){ { 0 } },
	    (const struct cli_operand[]){
		CLI_OPERAND(struct args, texts, TEXTS, "A", .help = "All"),
		CLI_OPERAND(struct args, text, TEXT, "B", .help = "More"),
		{ 0 } },
	    "takes all there is");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_table_passes),
		cmocka_unit_test(names_are_used_once),
		cmocka_unit_test(help_is_a_sentence),
		cmocka_unit_test(values_have_placeholders),
		cmocka_unit_test(members_lie_in_the_args),
		cmocka_unit_test(nothing_follows_an_operand_that_takes_all),
	};

	return RUN_TESTS(tests);
}
