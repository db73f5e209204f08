/* SPDX-License-Identifier: ISC */

#include "cli/script.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "tests/unit/cli/ship.h"

/* A shell that nobody has, whose every construct shows. */
static const struct script_syntax syntax = {
	.function = "fn %s{\n",
	.function_end = "}\n",
	.both = "on 1 2\n",
	.first = "on 1\n",
	.switch_end = "off\n",
	.pattern = "if %s: ",
	.otherwise = "else: ",
	.branch_end = ".\n",
	.set = "%s := ",
	.items = "items",
	.items_end = "",
	.item_separator = " = ",
	.fail = "fail",
};

static const char *
tables(void)
{
	static struct buf out = BUF_INIT(1 << 20);
	struct script s = { .syntax = &syntax, .program = &ship, .out = &out };

	buf_clear(&out);
	script_tables(&s);
	assert_false(s.failed);
	return buf_text(&out);
}

static void
assert_row(const char *row)
{
	if (strstr(tables(), row) == NULL)
		fail_msg("no \"%s\" in:\n%s", row, tables());
}

static void
functions_answer_from_the_table(void **state UNUSED)
{
	assert_row("fn _ship_enter{\non 1 2\nif ' load': at := 'load'.\n");
	assert_row("if ' stow': at := 'load'.\n");
	assert_row("if ' ps': at := 'crew ls'.\n");
	assert_row("if 'crew list': at := 'crew ls'.\n");
	assert_row("else: fail.\noff\n}\n");
	assert_row("if 'load --stream': place := 'words stdout stderr both'.");
	assert_row("if 'load -n': place := 'none'.\n");
	assert_row("if ' --port': place := 'ask port'.\n");
	assert_row("if 'load 0': place := 'ask cargo'.\n");
	assert_row("if 'load 1': place := 'dirs'.\n");
	assert_row("if 'run 3': place := 'rest'.\n");
	assert_row("if 'crew': items 'ls = List the crew'.\n");
}

static void
hidden_rows_are_not_offered(void **state UNUSED)
{
	assert_null(strstr(tables(), "'--id = "));
	assert_null(strstr(tables(), "'__complete = "));
}

static void
quotes_cannot_end_a_text(void **state UNUSED)
{
	assert_row("'--force = Do not ask; overwrite \"everything\"'");
}

static void
bodies_name_the_program(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(256);
	struct script s = { .program = &ship, .out = &out };

	script_body(&s, "_PROGRAM() { PROGRAM; }");
	assert_string_equal(buf_text(&out), "_ship() { ship; }");
}

static void
too_long_a_script_fails(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(100);
	struct script s = { .syntax = &syntax, .program = &ship, .out = &out };

	script_tables(&s);
	assert_true(s.failed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_answer_from_the_table),
		cmocka_unit_test(hidden_rows_are_not_offered),
		cmocka_unit_test(quotes_cannot_end_a_text),
		cmocka_unit_test(bodies_name_the_program),
		cmocka_unit_test(too_long_a_script_fails),
	};

	return RUN_TESTS(tests);
}
