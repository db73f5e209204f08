/* SPDX-License-Identifier: ISC */

#include "core/strv.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"

static void
no_vector_is_an_empty_one(void **state UNUSED)
{
	assert_int_equal(strv_len(NULL), 0);
	assert_null(strv_copy(NULL));
	assert_null(strv_env_get(NULL, "HOME"));
	strv_free(NULL);
}

static void
strings_stay_in_order_and_terminated(void **state UNUSED)
{
	AUTO_STRV char **v = NULL, **copy = NULL;
	char text[16];

	for (size_t i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%zu", i);
		strv_add(&v, text);
		assert_int_equal(strv_len(v), i + 1);
	}
	copy = strv_copy(v);
	assert_int_equal(strv_len(copy), 100);
	for (size_t i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%zu", i);
		assert_string_equal(copy[i], text);
		assert_ptr_not_equal(copy[i], v[i]);
	}
	strv_give(&copy, xstrdup("more"));
	assert_string_equal(copy[100], "more");
	assert_null(copy[101]);
}

static void
room_is_made_for_many_and_more(void **state UNUSED)
{
	assert_null(strv_new(0));
	for (size_t n = 1; n < 40; n++) {
		AUTO_STRV char **v = strv_new(n);

		assert_int_equal(strv_len(v), 0);
		for (size_t i = 0; i < n; i++)
			v[i] = xstrdup("x");
		for (size_t i = 0; i < 40; i++)
			strv_add(&v, "y");
		assert_int_equal(strv_len(v), n + 40);
	}
}

static void
environment_is_replaced_or_extended(void **state UNUSED)
{
	AUTO_STRV char **env = NULL;

	strv_env_set(&env, "A=1");
	strv_env_set(&env, "AB=2");
	strv_env_set(&env, "A=3=4");
	strv_env_set(&env, "EMPTY=");
	assert_int_equal(strv_len(env), 3);
	assert_string_equal(strv_env_get(env, "A"), "3=4");
	assert_string_equal(strv_env_get(env, "AB"), "2");
	assert_string_equal(strv_env_get(env, "EMPTY"), "");
	assert_null(strv_env_get(env, "B"));
	assert_null(strv_env_get(env, ""));
}

static void
sorting_goes_by_bytes(void **state UNUSED)
{
	AUTO_STRV char **v = NULL;

	strv_sort(v);
	strv_add(&v, "b");
	strv_add(&v, "");
	strv_add(&v, "B");
	strv_add(&v, "ab");
	strv_sort(v);
	assert_string_equal(v[0], "");
	assert_string_equal(v[1], "B");
	assert_string_equal(v[2], "ab");
	assert_string_equal(v[3], "b");
	assert_null(v[4]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_vector_is_an_empty_one),
		cmocka_unit_test(strings_stay_in_order_and_terminated),
		cmocka_unit_test(room_is_made_for_many_and_more),
		cmocka_unit_test(environment_is_replaced_or_extended),
		cmocka_unit_test(sorting_goes_by_bytes),
	};

	return RUN_TESTS(tests);
}
