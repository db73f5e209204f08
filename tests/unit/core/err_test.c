/* SPDX-License-Identifier: ISC */

#include "core/err.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

static void
raising_replaces_what_was_there(void **state UNUSED)
{
	struct err err = ERR_INIT;

	err_hint(&err, "an old hint");
	assert_int_equal(err_set(&err, ERR_LIMIT, "%d is too many", 7), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.msg, "7 is too many");
	assert_string_equal(err.hint, "");
}

static void
system_error_says_why_and_keeps_errno(void **state UNUSED)
{
	struct err err = ERR_INIT;

	errno = ENOENT;
	assert_int_equal(err_sys(&err, "open %s", "/x"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err.sys, ENOENT);
	assert_int_equal(err.code, ERR_SYSTEM);
	assert_string_equal(err.msg, "open /x: No such file or directory");
}

static void
context_is_put_in_front_and_the_rest_kept(void **state UNUSED)
{
	struct err err = ERR_INIT;

	errno = EACCES;
	err_sys(&err, "read");
	err_hint(&err, "ask the owner");
	assert_int_equal(err_wrap(&err, "start exec %d", 3), -1);
	assert_string_equal(err.msg, "start exec 3: read: Permission denied");
	assert_int_equal(err.code, ERR_SYSTEM);
	assert_int_equal(err.sys, EACCES);
	assert_string_equal(err.hint, "ask the owner");
}

static void
text_that_does_not_fit_is_cut(void **state UNUSED)
{
	struct err err = ERR_INIT;
	char longer[2000];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_set(&err, ERR_INVALID, "%s", longer);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	err_wrap(&err, "%s", longer);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	errno = EIO;
	err_sys(&err, "%s", longer);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	err_hint(&err, "%s", longer);
	assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raising_replaces_what_was_there),
		cmocka_unit_test(system_error_says_why_and_keeps_errno),
		cmocka_unit_test(context_is_put_in_front_and_the_rest_kept),
		cmocka_unit_test(text_that_does_not_fit_is_cut),
	};

	return RUN_TESTS(tests);
}
