/* SPDX-License-Identifier: ISC */

#include "cli/each.h"
#include "tests/unit/unit.h"

#include "core/buf.h"
#include "core/text.h"
#include "tests/unit/cli/ship.h"

static int
note(const struct cli_call *call, void *owner)
{
	struct buf *out = owner;

	(void)buf_addc(out, ' ');
	return cli_call_title(call, "/", out);
}

static int
stop_at_load(const struct cli_call *call, void *owner)
{
	(void)note(call, owner);
	return str_eq(cli_call_command(call)->name, "load") ? -1 : 0;
}

static void
parents_come_first_and_hidden_rows_never(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(1024);

	assert_int_equal(cli_each(&ship, note, &out), 0);
	assert_string_equal(buf_text(&out),
			    " ship ship/load ship/run ship/crew ship/crew/ls "
			    "ship/help ship/completion");
}

static void
the_walk_can_be_stopped(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(1024);

	assert_int_equal(cli_each(&ship, stop_at_load, &out), -1);
	assert_string_equal(buf_text(&out), " ship ship/load");
}

static void
aliases_lead_to_their_command(void **state UNUSED)
{
	struct cli_call root = { .path = { ship.root }, .depth = 1 };
	AUTO_BUF out = BUF_INIT(64);

	assert_int_equal(
	    cli_each_target(&root, cli_find_command(ship.root, "ps"), &out), 0);
	assert_string_equal(buf_text(&out), "crew ls");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parents_come_first_and_hidden_rows_never),
		cmocka_unit_test(the_walk_can_be_stopped),
		cmocka_unit_test(aliases_lead_to_their_command),
	};

	return RUN_TESTS(tests);
}
