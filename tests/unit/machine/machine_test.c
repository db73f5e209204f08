/* SPDX-License-Identifier: ISC */

#include "machine/machine.h"
#include "tests/unit/unit.h"

#include "core/mem.h"
#include "core/strv.h"

static void
copy_shares_nothing(void **state UNUSED)
{
	AUTO_MACHINE a, b;

	machine_init(&a);
	a.name = xstrdup("a");
	a.token_ref = xstrdup("t");
	a.token = xstrdup("clear");
	strv_add(&a.env, "A=b");
	a.retry.limit = 3;
	machine_copy(&b, &a);
	assert_string_equal(b.name, "a");
	assert_ptr_not_equal(a.name, b.name);
	assert_ptr_not_equal(a.token_ref, b.token_ref);
	assert_ptr_not_equal(a.token, b.token);
	assert_string_equal(b.env[0], "A=b");
	assert_int_equal(b.retry.limit, 3);
}

static void
every_way_to_log_in_has_a_word(void **state UNUSED)
{
	assert_string_equal(machine_auth_words[MACHINE_AUTH_KEYBOARD],
			    "keyboard-interactive");
	assert_null(machine_auth_words[MACHINE_AUTH_KEYBOARD + 1]);
	assert_null(machine_compression_words[MACHINE_COMPRESSION_OFF + 1]);
	assert_null(machine_transport_words[MACHINE_TRANSPORT_LOCAL + 1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_shares_nothing),
		cmocka_unit_test(every_way_to_log_in_has_a_word),
	};

	return RUN_TESTS(tests);
}
