/* SPDX-License-Identifier: ISC */

#include "machine/name.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

typedef int check_fn(const char *, struct err *);

static check_fn *const checks[] = { name_check_machine, name_check_host,
				    name_check_user, name_check_destination };

static void
refused_by_all(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct err err = ERR_INIT;

		if (checks[i](text, &err) == 0)
			fail_msg("check %zu took \"%s\"", i, text);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

/* Every byte that means something to a shell, to ssh or to a terminal. */
static void
dangerous_characters_are_refused_everywhere(void **state UNUSED)
{
	static const char shell[] = "'\"`$\\;&<>|(){}*?[]~!#%^";
	char text[8];

	for (const char *p = shell; *p; p++) {
		snprintf(text, sizeof(text), "a%cb", *p);
		refused_by_all(text);
	}
	for (int c = 1; c <= ' '; c++) {
		snprintf(text, sizeof(text), "a%cb", c);
		refused_by_all(text);
	}
	refused_by_all("a\x7f"
		       "b");
	refused_by_all("a\xff"
		       "b");
}

static void
nothing_may_look_like_an_option(void **state UNUSED)
{
	struct err err = ERR_INIT;

	refused_by_all("");
	refused_by_all("-oProxyCommand=x");
	refused_by_all("-");
	assert_int_equal(name_check_destination("me@-oX", &err), -1);
	assert_int_equal(name_check_destination("-l@host", &err), -1);
	assert_int_equal(name_check_destination("ssh://-x", &err), -1);
}

static void
usual_names_pass(void **state UNUSED)
{
	static const char *const destinations[] = {
		"gpu3",
		"me@gpu3.example.com",
		"10.0.0.7",
		"::1",
		"me@fe80::1",
		"ssh://me@host:2222",
		"ssh://host",
		"ssh://host/",
		"first.last@corp@host",
		u8"b\u00fccher.example",
	};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(destinations); i++) {
		if (name_check_destination(destinations[i], &err) < 0)
			fail_msg("%s: %s", destinations[i], err.msg);
	}
	assert_int_equal(name_check_machine("gpu-3.a_b", &err), 0);
	assert_int_equal(name_check_user("git", &err), 0);
}

static void
odd_names_are_explained(void **state UNUSED)
{
	struct err err = ERR_INIT;

	assert_int_equal(name_check_machine("local", &err), -1);
	assert_err(err, ERR_INVALID, "\"local\" is this machine");
	assert_int_equal(name_check_machine("a/b", &err), -1);
	assert_int_equal(name_check_machine(".x", &err), -1);
	assert_int_equal(name_check_destination("ssh://host:99999", &err), -1);
	assert_err(err, ERR_INVALID, "the port");
	assert_int_equal(name_check_destination("host/path", &err), -1);
	assert_int_equal(name_check_destination("me@host:2222", &err), -1);
	assert_err(err, ERR_INVALID, "has a port in it");
	assert_string_equal(err.hint,
			    "write ssh://me@host:2222, or set the port");
	assert_int_equal(name_check_destination("me@::1", &err), 0);
	assert_int_equal(name_check_host("a;b", &err), -1);
	assert_err(err, ERR_INVALID, "has the character \";\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dangerous_characters_are_refused_everywhere),
		cmocka_unit_test(nothing_may_look_like_an_option),
		cmocka_unit_test(usual_names_pass),
		cmocka_unit_test(odd_names_are_explained),
	};

	return RUN_TESTS(tests);
}
