/* SPDX-License-Identifier: ISC */

#include "berthd/session/session_send.h"
#include "tests/unit/unit.h"

static void
keys_have_names_that_are_known(void **state UNUSED)
{
	static const char *const good[] = { "Enter", "C-c", "M-x", "S-Up",
					    "C-M-a", "F12", "q",   ";",
					    "-",     "C-]", "~",   "BTab" };
	static const char *const bad[] = { "",	    "enter", "C-",  "C-cc",
					   "F13",   "X-a",   " ",   "\x1b",
					   "Etner", "ab",    "C-M-" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(session_key_ok(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(session_key_ok(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_names_that_are_known),
	};

	return RUN_TESTS(tests);
}
