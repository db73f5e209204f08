/* SPDX-License-Identifier: ISC */

#include "berthd/file/policy.h"
#include "tests/unit/unit.h"

#include "core/strv.h"

static void
home_data_and_tmp_are_always_roots(void **state UNUSED)
{
	char *allowed[] = { (char[]){ "/mnt" }, NULL };
	struct file_policy policy;
	struct err err = ERR_INIT;

	setenv("HOME", "/home/someone", 1);
	assert_int_equal(
	    file_policy_init(&policy, NULL, allowed, "/data", 7, &err), 0);
	assert_int_equal(strv_len(policy.roots), 4);
	assert_string_equal(policy.roots[0], "/mnt");
	assert_string_equal(policy.roots[1], "/home/someone");
	assert_string_equal(policy.roots[2], "/data");
	assert_string_equal(policy.roots[3], "/tmp");
	assert_int_equal(policy.max_file_size, 7);
	file_policy_fini(&policy);
	file_policy_fini(&policy);
}

static void
bombs_are_bounded_by_default(void **state UNUSED)
{
	struct file_policy policy;
	struct err err = ERR_INIT;

	assert_int_equal(
	    file_policy_init(&policy, NULL, NULL, "/data", 0, &err), 0);
	assert_true(policy.max_tree_bytes > 0);
	assert_true(policy.max_tree_entries > 0);
	assert_true(policy.max_ratio > 0);
	file_policy_fini(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(home_data_and_tmp_are_always_roots),
		cmocka_unit_test(bombs_are_bounded_by_default),
	};

	return RUN_TESTS(tests);
}
