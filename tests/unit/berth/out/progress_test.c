/* SPDX-License-Identifier: ISC */

#include "berth/out/progress.h"
#include "tests/unit/unit.h"

#include <string.h>

static void
a_line_tells_all_that_fits(void **state UNUSED)
{
	const struct progress_state half = { .bytes = 512 << 10,
					     .bytes_total = 1 << 20,
					     .files = 1,
					     .files_total = 3 };
	const struct progress_state one = { .bytes = 512 << 10,
					    .bytes_total = 1 << 20 };
	const struct progress_state none = { .bytes = 0 };
	char line[256];

	assert_string_equal(progress_line(line, sizeof(line), 40, &half, 0),
			    " 50% 512 KiB of 1.0 MiB, 1 of 3 files, 0 B/s");
	progress_line(line, sizeof(line), 80, &half, 256 << 10);
	assert_non_null(strstr(line, "######......"));
	assert_non_null(strstr(line, "2.0 s"));
	assert_string_equal(progress_line(line, sizeof(line), 40, &one, 0),
			    " 50% 512 KiB of 1.0 MiB, 0 B/s");
	progress_line(line, sizeof(line), 40, &none, 0);
	assert_non_null(strstr(line, "100%"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_tells_all_that_fits),
	};

	return RUN_TESTS(tests);
}
