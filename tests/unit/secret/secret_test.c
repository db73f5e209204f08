/* SPDX-License-Identifier: ISC */

#include "secret/secret.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/fs.h"

static void
secret_holds_what_it_was_given(void **state UNUSED)
{
	AUTO_SECRET *a = secret_new("pass\0word", 9);
	AUTO_SECRET *b = secret_new("pass\0word", 9);
	AUTO_SECRET *c = secret_new("pass\0worx", 9);
	AUTO_SECRET *none = secret_new(NULL, 0);

	assert_int_equal(secret_len(a), 9);
	assert_memory_equal(secret_reveal(a), "pass\0word\0", 10);
	assert_true(secret_is_equal(a, b));
	assert_false(secret_is_equal(a, c));
	assert_false(secret_is_equal(a, none));
	assert_string_equal(secret_reveal(none), "");
	secret_cut(a, 4);
	assert_string_equal(secret_reveal(a), "pass");
	secret_free(NULL);
}

static int
read_text(const char *text, size_t max, struct secret **ret, struct err *err)
{
	int pipes[2], rc;

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(write_full(pipes[1], text, strlen(text)), 0);
	close(pipes[1]);
	rc = secret_read(pipes[0], max, ret, err);
	close(pipes[0]);
	return rc;
}

static void
one_newline_at_the_end_is_no_part_of_it(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "", "" },	    { "a", "a" }, { "a\n", "a" },
		{ "a\n\n", "a\n" }, { "\n", "" }, { "a\nb\n", "a\nb" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		AUTO_SECRET *got = NULL;

		assert_int_equal(read_text(rows[i][0], 16, &got, &err), 0);
		assert_string_equal(secret_reveal(got), rows[i][1]);
	}
}

static void
more_than_is_allowed_is_refused(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_SECRET *got = NULL;

	assert_int_equal(read_text("12345", 4, &got, &err), -1);
	assert_err(err, ERR_LIMIT, "longer than 4 bytes");
	assert_null(got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secret_holds_what_it_was_given),
		cmocka_unit_test(one_newline_at_the_end_is_no_part_of_it),
		cmocka_unit_test(more_than_is_allowed_is_refused),
	};

	return RUN_TESTS(tests);
}
