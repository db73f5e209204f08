/* SPDX-License-Identifier: ISC */

#include "link/hostkey.h"
#include "tests/unit/unit.h"

#include <string.h>

static void
a_host_is_named_as_known_hosts_does(void **state)
{
	AUTO_FREE char *plain = hostkey_name("h", 22);
	AUTO_FREE char *none = hostkey_name("h", 0);
	AUTO_FREE char *other = hostkey_name("::1", 2222);

	assert_string_equal(plain, "h");
	assert_string_equal(none, "h");
	assert_string_equal(other, "[::1]:2222");
}

static void
a_changed_key_names_the_command_that_ends_it(void **state)
{
	const struct hostkey_facts facts = { .machine = "gpu",
					     .host = "[h]:2222",
					     .file = "/home/a b/known_hosts",
					     .line = 3,
					     .fingerprint = "SHA256:x" };
	struct err err = ERR_INIT;

	assert_int_equal(hostkey_error(HOSTKEY_CHANGED, &facts, &err), -1);
	assert_err(err, ERR_HOST_KEY, "known_hosts, line 3");
	assert_non_null(strstr(err.msg, "SHA256:x"));
	assert_non_null(strstr(err.hint, "ssh-keygen -R '[h]:2222' -f "
					 "'/home/a b/known_hosts'"));
	assert_non_null(strstr(err.hint, "berth machine trust gpu"));
}

static void
every_trouble_has_its_words(void **state)
{
	const struct hostkey_facts facts = { .machine = "gpu" };
	struct err err = ERR_INIT;

	hostkey_error(HOSTKEY_UNKNOWN, &facts, &err);
	assert_err(err, ERR_HOST_KEY, "gpu is not known");
	hostkey_error(HOSTKEY_REVOKED, &facts, &err);
	assert_err(err, ERR_HOST_KEY, "revoked");
	hostkey_error(HOSTKEY_INVALID, &facts, &err);
	assert_err(err, ERR_HOST_KEY, "certificate");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_named_as_known_hosts_does),
		cmocka_unit_test(a_changed_key_names_the_command_that_ends_it),
		cmocka_unit_test(every_trouble_has_its_words),
	};

	return RUN_TESTS(tests);
}
