/* SPDX-License-Identifier: ISC */

#include "client/target.h"
#include "tests/unit/unit.h"

static void
names_and_values_are_encoded(void **state UNUSED)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);

	target_path(&target, "/v1/exec/", "a/../b?c", "/logs");
	target_add(&target, "grep", "x&y=\xff z");
	target_add(&target, "left_out", NULL);
	target_add_number(&target, "tail", 2000);
	assert_string_equal(buf_text(&target),
			    "/v1/exec/a%2F..%2Fb%3Fc/logs?grep=x%26y%3D%FF%20z"
			    "&tail=2000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_values_are_encoded),
	};

	return RUN_TESTS(tests);
}
