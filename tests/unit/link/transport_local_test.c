/* SPDX-License-Identifier: ISC */

#include "link/transport.h"
#include "tests/unit/unit.h"

#include <signal.h>

#include "machine/machine.h"
#include "tests/unit/link/transport_suite.h"

static void
it_does_what_every_transport_must(void **state UNUSED)
{
	const struct machine machine = { .name = (char *)(uintptr_t) "here" };
	const struct transport_place place = { .ops = &transport_local,
					       .machine = &machine,
					       .directory = unit_temp_dir(),
					       .has_subsystems = true,
					       .has_signals = true };

	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(transport_suite_run(&place), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_does_what_every_transport_must),
	};

	return RUN_TESTS(tests);
}
