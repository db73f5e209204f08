/* SPDX-License-Identifier: ISC */

#include "cli/cli.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "tests/unit/cli/ship.h"

static void
words_of_a_list_are_matched_whole(void **state UNUSED)
{
	assert_true(cli_is_word("one two", "one", 3));
	assert_true(cli_is_word("one two", "two", 3));
	assert_false(cli_is_word("one two", "tw", 2));
	assert_false(cli_is_word("one two", "one two", 7));
	assert_false(cli_is_word(NULL, "one", 3));
}

static void
titles_are_paths(void **state UNUSED)
{
	struct cli_call call = CLI_CALL_INIT;
	AUTO_BUF title = BUF_INIT(64);
	struct err err = ERR_INIT;

	assert_int_equal(ship_parse("/usr/bin/boat ps", &call, &err), 0);
	assert_int_equal(cli_call_title(&call, "-", &title), 0);
	assert_string_equal(buf_text(&title), "ship-crew-ls");
	assert_string_equal(call.invoked, "boat");
	cli_call_fini(&call);
}

static void
a_command_gives_the_exit_status(void **state UNUSED)
{
	struct cli_call call = CLI_CALL_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(ship_parse("ship run x y", &call, &err), 0);
	assert_int_equal(cli_run(&call, &err), 7);
	cli_call_fini(&call);
	cli_call_fini(&call);
}

static void
a_half_read_line_is_released(void **state UNUSED)
{
	struct cli_call call = CLI_CALL_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(ship_parse("ship load -lA -lB --bad", &call, &err),
			 -1);
	cli_call_fini(&call);
	assert_null(call.args);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_a_list_are_matched_whole),
		cmocka_unit_test(titles_are_paths),
		cmocka_unit_test(a_command_gives_the_exit_status),
		cmocka_unit_test(a_half_read_line_is_released),
	};

	return RUN_TESTS(tests);
}
