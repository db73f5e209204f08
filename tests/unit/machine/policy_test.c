/* SPDX-License-Identifier: ISC */

#include "machine/policy.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fs.h"
#include "core/path.h"

static int
load(struct policy *policy, const char *text, mode_t mode, struct err *err)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "policy.yaml");

	assert_int_equal(fs_replace(path, text, strlen(text), 0, err), 0);
	assert_int_equal(chmod(path, mode), 0);
	return policy_load(policy, path, err);
}

static void
patterns_match_without_regard_to_case(void **state UNUSED)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} rows[] = {
		{ "*", "", true },
		{ "*.example.com", "gpu.EXAMPLE.com", true },
		{ "*.example.com", "example.com", false },
		{ "*.example.com", "gpu.example.com.evil.org", false },
		{ "gpu?", "gpu1", true },
		{ "gpu?", "gpu", false },
		{ "gpu?", "gpu12", false },
		{ "a*b*c", "aXbXbXc", true },
		{ "a*b*c", "aXcXb", false },
		{ "", "", true },
		{ "", "a", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(policy_matches(rows[i].pattern, rows[i].text),
				 rows[i].matches);
}

static void
lists_allow_what_they_name_and_no_more(void **state UNUSED)
{
	struct policy policy;
	struct err err = ERR_INIT;

	assert_int_equal(load(&policy,
			      "allow_hosts: ['*.corp', '!bad.corp']\n"
			      "allow_machines: ['gpu*']\n"
			      "allow_password: false\n",
			      0644, &err),
			 0);
	assert_true(policy.refuse_password);
	assert_int_equal(policy_check(&policy, "gpu1", "a.corp", &err), 0);
	assert_int_equal(policy_check(&policy, "gpu1", "bad.corp", &err), -1);
	assert_err(err, ERR_DENIED, "the host \"bad.corp\" of \"gpu1\"");
	assert_int_equal(policy_check(&policy, "web", "a.corp", &err), -1);
	assert_err(err, ERR_DENIED, "the machine \"web\"");
	assert_int_equal(policy_check(&policy, "gpu1", NULL, &err), -1);
	policy_fini(&policy);
}

static void
empty_list_allows_nothing_and_an_absent_one_all(void **state UNUSED)
{
	struct policy policy;
	struct err err = ERR_INIT;

	assert_int_equal(load(&policy, "allow_hosts: []\n", 0644, &err), 0);
	assert_int_equal(policy_check(&policy, "a", "a.corp", &err), -1);
	policy_fini(&policy);
	assert_int_equal(load(&policy, "", 0644, &err), 0);
	assert_false(policy_has_hosts(&policy));
	assert_int_equal(policy_check(&policy, "a", NULL, &err), 0);
	policy_fini(&policy);
}

static void
policy_that_others_can_write_is_refused(void **state UNUSED)
{
	struct policy policy;
	struct err err = ERR_INIT;

	assert_int_equal(load(&policy, "", 0666, &err), -1);
	assert_err(err, ERR_DENIED, "others can write this policy");
	assert_int_equal(load(&policy, "allow_host: [a]\n", 0600, &err), -1);
	assert_err(err, ERR_CONFIG, "policy.yaml:1: allow_host: unknown name");
	assert_string_equal(err.hint, "did you mean \"allow_hosts\"?");
	policy_fini(&policy);
	assert_int_equal(policy_load(&policy, "/nowhere/policy.yaml", &err),
			 -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_without_regard_to_case),
		cmocka_unit_test(lists_allow_what_they_name_and_no_more),
		cmocka_unit_test(
		    empty_list_allows_nothing_and_an_absent_one_all),
		cmocka_unit_test(policy_that_others_can_write_is_refused),
	};

	return RUN_TESTS(tests);
}
