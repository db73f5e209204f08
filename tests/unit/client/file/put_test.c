/* SPDX-License-Identifier: ISC */

#include "client/file/put.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/macros.h"

/* Filter `text' in pieces of `piece' bytes. */
static void
assert_lf(const char *text, const char *wanted, size_t piece)
{
	struct lf_filter filter = { false };
	char out[64];
	size_t n = 0, len = strlen(text);

	for (size_t i = 0; i < len; i += piece)
		n += lf_filter(&filter, text + i, MIN(piece, len - i), out + n);
	n += lf_filter_end(&filter, out + n);
	out[n] = '\0';
	assert_string_equal(out, wanted);
}

static void
line_ends_become_one_byte_however_they_come(void **state UNUSED)
{
	for (size_t piece = 1; piece < 8; piece++) {
		assert_lf("a\r\nb\r\n", "a\nb\n", piece);
		assert_lf("a\rb\r\r\n\n", "a\rb\r\n\n", piece);
		assert_lf("a\r", "a\r", piece);
		assert_lf("", "", piece);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends_become_one_byte_however_they_come),
	};

	return RUN_TESTS(tests);
}
