/* SPDX-License-Identifier: ISC */

#include "berthd/login/policy.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "berthd/login/key.h"

#define FP                                                                     \
	"SHA256:"                                                              \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ROLES                                                                  \
	"roles:\n"                                                             \
	"  - {name: op, kind: operator}\n"                                     \
	"  - {name: watch, kind: viewer, projects: [web]}\n"                   \
	"projects:\n"                                                          \
	"  - {name: web, dir: /srv/web}\n"                                     \
	"  - {name: docs, dir: /srv/docs}\n"

static int
set_home(void **state UNUSED)
{
	setenv("HOME", "/home/someone", 1);
	return 0;
}

static void
take(struct policy *policy, const char *text)
{
	struct err err = ERR_INIT;

	policy_init(policy);
	if (policy_decode(policy, "/etc/p.yaml", text, strlen(text), &err) < 0)
		fail_msg("%s", err.msg);
}

static void
assert_refused(const char *text, const char *message)
{
	AUTO_POLICY policy;
	struct err err = ERR_INIT;

	policy_init(&policy);
	assert_int_equal(
	    policy_decode(&policy, "p.yaml", text, strlen(text), &err), -1);
	assert_err(err, ERR_CONFIG, message);
}

static void
without_a_policy_everybody_is_an_operator(void **state UNUSED)
{
	AUTO_POLICY policy;
	struct err err = ERR_INIT;
	const struct policy_role *role;

	policy_init(&policy);
	role = policy_find_role(&policy, &(struct key){ 0 }, NULL, &err);
	assert_non_null(role);
	assert_int_equal(role->kind, ROLE_OPERATOR);
	assert_false(policy_is_restricted(role));
}

static void
an_empty_policy_lets_nobody_in(void **state UNUSED)
{
	AUTO_POLICY policy;
	struct err err = ERR_INIT;

	take(&policy, "");
	assert_null(policy_find_role(&policy, &(struct key){ 0 }, NULL, &err));
	assert_err(err, ERR_DENIED, "no role here");
}

/* The name of the role, or "". */
static const char *
role_of(const struct policy *policy, const struct key *key, const char *as)
{
	struct err err = ERR_INIT;
	const struct policy_role *role = policy_find_role(policy, key, as,
							  &err);

	return role ? role->name : "";
}

static void
the_first_rule_that_fits_names_the_role(void **state UNUSED)
{
	static char fp[] = FP, bob[] = "bob@x", ops[] = "ops";
	char *principals[] = { (char[]){ "users" }, ops, NULL };
	AUTO_POLICY policy;

	take(&policy, "keys:\n"
		      "  - {fingerprint: '" FP "', as: both, role: op}\n"
		      "  - {fingerprint: '" FP "', role: watch}\n"
		      "  - {comment: bob@x, role: op}\n"
		      "  - {principal: ops, role: op}\n"
		      "  - {as: oncall, role: watch}\n" ROLES);
	assert_string_equal(
	    role_of(&policy, &(struct key){ .fingerprint = fp }, "both"), "op");
	assert_string_equal(
	    role_of(&policy, &(struct key){ .fingerprint = fp }, NULL),
	    "watch");
	assert_string_equal(
	    role_of(&policy, &(struct key){ .comment = bob }, NULL), "op");
	assert_string_equal(
	    role_of(&policy, &(struct key){ .principals = principals }, NULL),
	    "op");
	assert_string_equal(role_of(&policy, &(struct key){ 0 }, "oncall"),
			    "watch");
	assert_string_equal(role_of(&policy, &(struct key){ 0 }, "both"), "");
	assert_string_equal(role_of(&policy, &(struct key){ 0 }, NULL), "");
}

static void
a_role_chooses_among_its_projects(void **state UNUSED)
{
	AUTO_POLICY policy;
	const struct policy_role *roles;

	take(&policy, ROLES);
	roles = policy.roles.items;
	assert_non_null(policy_find_project(&policy, &roles[0], "docs"));
	assert_non_null(policy_find_project(&policy, &roles[1], "web"));
	assert_null(policy_find_project(&policy, &roles[1], "docs"));
	assert_null(policy_find_project(&policy, &roles[0], "none"));
}

static void
mistakes_are_named_with_file_and_place(void **state UNUSED)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "kees: []\n", "p.yaml:1: kees: unknown" },
		{ "schema_version: 2\n", "p.yaml:1: schema_version" },
		{ "keys:\n  - {role: op}\n" ROLES, "names no key" },
		{ "keys:\n  - {as: x, role: none}\n" ROLES,
		  "keys[0].role: no such role" },
		{ "keys:\n  - {fingerprint: MD5:x, role: op}\n" ROLES,
		  "p.yaml:2: keys[0].fingerprint: not SHA256:" },
		{ "keys:\n  - {as: a b, role: op}\n" ROLES,
		  "p.yaml:2: keys[0].as: a name is" },
		{ "roles:\n  - {name: a, kind: root}\n",
		  "roles[0]: kind: not one of operator, viewer" },
		{ "roles:\n  - {name: a, kind: viewer}\n"
		  "  - {name: a, kind: viewer}\n",
		  "roles[1].name: stands twice" },
		{ "roles:\n  - {name: a, kind: viewer, root: /x}\n",
		  "roles[0]: root: not of a role of kind viewer" },
		{ "roles:\n  - {name: a, kind: runner}\n",
		  "roles[0]: commands: missing" },
		{ "roles:\n  - {name: a, kind: files}\n",
		  "roles[0]: root: missing" },
		{ "roles:\n  - {name: a, kind: files, root: /x}\n",
		  "allow: missing" },
		{ "roles:\n  - {name: a, kind: files, root: x, allow: [git]}\n",
		  "roles[0].root: not an absolute path" },
		{ "roles:\n  - {name: a, kind: files, root: /x, allow: "
		  "[ftp]}\n",
		  "allow[0]: not one of" },
		{ "roles:\n  - {name: a, kind: files, root: /home, write: true,"
		  " allow: [sftp]}\n",
		  "must not hold the home directory" },
		{ "roles:\n  - {name: a, kind: files, root: /srv, write: true,"
		  " allow: [sftp, git]}\n",
		  "git beside another way" },
		{ "roles:\n  - {name: a, kind: runner, commands: [{argv: "
		  "['*']}]}\n",
		  "the first word names one program" },
		{ "roles:\n  - {name: a, kind: runner, commands: [{argv: "
		  "[ls, ..., x]}]}\n",
		  "\"...\" stands at the end" },
		{ "roles:\n  - {name: a, kind: menu, projects: [b]}\n",
		  "projects[0]: no such project" },
		{ "projects:\n  - {name: a/b, dir: /x}\n",
		  "projects[0].name: a name is" },
		{ "default_role: x\n", "default_role: no such role" },
		{ "audit_failure: maybe\n",
		  "p.yaml:1: audit_failure: not one of restricted, refuse" },
		{ "record: v4\n", "record: not one of off, v2, v3" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_refused(rows[i].text, rows[i].message);
}

static void
a_star_never_stands_for_an_option(void **state UNUSED)
{
	assert_true(policy_word_fits("abc", "abc"));
	assert_false(policy_word_fits("abc", "abd"));
	assert_true(policy_word_fits("*", ""));
	assert_true(policy_word_fits("*", "x y"));
	assert_false(policy_word_fits("*", "-x"));
	assert_false(policy_word_fits("*x", "--x"));
	assert_true(policy_word_fits("-*", "-x"));
	assert_true(policy_word_fits("--n=*", "--n=3"));
	assert_true(policy_word_fits("a*b*c", "axxbyybc"));
	assert_false(policy_word_fits("a*b*c", "axxbyyb"));
	assert_true(policy_word_fits("*.log", "a.log"));
	assert_false(policy_word_fits("*.log", "a.log2"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_policy_everybody_is_an_operator),
		cmocka_unit_test(an_empty_policy_lets_nobody_in),
		cmocka_unit_test(the_first_rule_that_fits_names_the_role),
		cmocka_unit_test(a_role_chooses_among_its_projects),
		cmocka_unit_test(mistakes_are_named_with_file_and_place),
		cmocka_unit_test(a_star_never_stands_for_an_option),
	};

	return cmocka_run_group_tests(tests, set_home, NULL);
}
