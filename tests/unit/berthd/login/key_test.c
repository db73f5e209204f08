/* SPDX-License-Identifier: ISC */

#include "berthd/login/key.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/mem.h"
#include "core/strv.h"

/* Made by ssh-keygen for this test; the private halves are gone. */
#define KEY                                                                    \
	"AAAAC3NzaC1lZDI1NTE5AAAAIOAhhbY9JDwTstV+iGmIKoH1dXeVVKP1xtdmXorzBjH9"
#define FINGERPRINT "SHA256:LGC5rMJ9fBYJYguWEatgwnd5SoS7xCXg1JxL3cDr3+0"
#define CERT                                                                   \
	"AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIDsuIerx"         \
	"U3s00U5Qb0MMBz31CVTveB2tRV7kUuTEOgObAAAAIOAhhbY9JDwTstV+iGmI"         \
	"KoH1dXeVVKP1xtdmXorzBjH9AAAAAAAAAAAAAAABAAAABnRoZS1pZAAAABAA"         \
	"AAAFYWxpY2UAAAADb3BzAAAAAAAAAAD//////////wAAAAAAAACCAAAAFXBl"         \
	"cm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndh"         \
	"cmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBl"         \
	"cm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAA"         \
	"C3NzaC1lZDI1NTE5AAAAIDf5xYGBT+t57dK0duvugNHSAZb5Dza+FTph7FxI"         \
	"8sKEAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEAcsSwKyIK5DydwELfbH9AqihsH"         \
	"Hrit1C4ntL4KEOllpksEoMLbww9nJq1hbA9SOiWsojq5PHFISFUYAYH6v/0I"

static void
a_plain_key_has_its_fingerprint(void **state UNUSED)
{
	struct key key;
	struct err err = ERR_INIT;

	assert_int_equal(
	    key_decode(&key, "publickey ssh-ed25519 " KEY "\n", &err), 0);
	assert_string_equal(key.fingerprint, FINGERPRINT);
	assert_string_equal(key.type, "ssh-ed25519");
	assert_null(key.principals);
	key_fini(&key);
}

static void
a_certificate_is_its_key_and_has_principals(void **state UNUSED)
{
	struct key key;
	struct err err = ERR_INIT;

	assert_int_equal(key_decode(&key,
				    "password\npublickey "
				    "ssh-ed25519-cert-v01@openssh.com " CERT
				    "\n",
				    &err),
			 0);
	assert_string_equal(key.fingerprint, FINGERPRINT);
	assert_string_equal(key.type, "ssh-ed25519");
	assert_string_equal(key.blob, KEY);
	assert_string_equal(key.cert_id, "the-id");
	assert_int_equal(strv_len(key.principals), 2);
	assert_string_equal(key.principals[0], "alice");
	assert_string_equal(key.principals[1], "ops");
	key_fini(&key);
}

static void
what_is_no_key_is_refused(void **state UNUSED)
{
	static const char *const texts[] = {
		"publickey ssh-ed25519",
		"publickey ssh-ed25519 ",
		"publickey ssh-ed25519 !!!!",
		"publickey ssh-rsa " KEY,
		"publickey ssh-ed25519 AAAA",
		"publickey ssh-ed25519-cert-v01@openssh.com " KEY,
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct key key;
		struct err err = ERR_INIT;

		assert_int_equal(key_decode(&key, texts[i], &err), -1);
		assert_err(err, ERR_INVALID, "is none");
	}
}

/* Every certificate that ends too early. */
static void
a_cut_certificate_is_refused(void **state UNUSED)
{
	size_t n = strlen(CERT);

	for (size_t cut = 4; cut < 280; cut += 4) {
		AUTO_FREE char *text = xasprintf(
		    "publickey ssh-ed25519-cert-v01@openssh.com %.*s",
		    (int)MIN(cut, n), CERT);
		struct key key;
		struct err err = ERR_INIT;

		if (key_decode(&key, text, &err) == 0)
			key_fini(&key);
	}
}

static void
other_ways_to_log_in_are_no_key(void **state UNUSED)
{
	struct key key;
	struct err err = ERR_INIT;

	assert_int_equal(key_decode(&key, "password\n", &err), 0);
	assert_null(key.fingerprint);
	assert_int_equal(key_decode(&key, "", &err), 0);
	assert_null(key.fingerprint);
}

static void
the_comment_is_the_one_behind_the_same_key(void **state UNUSED)
{
	struct key key;
	struct err err = ERR_INIT;

	assert_int_equal(
	    key_decode(&key, "publickey ssh-ed25519 " KEY "\n", &err), 0);
	key_find_comment(&key, "# ssh-ed25519 " KEY " not this\n"
			       "ssh-ed25519 AAAA other@x\n"
			       "ssh-ed25519 " KEY "\n");
	assert_null(key.comment);
	key_find_comment(&key, "restrict,command=\"a b\" ssh-ed25519 " KEY
			       " bob at x\n");
	assert_string_equal(key.comment, "bob at x");
	key_fini(&key);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_key_has_its_fingerprint),
		cmocka_unit_test(a_certificate_is_its_key_and_has_principals),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(a_cut_certificate_is_refused),
		cmocka_unit_test(other_ways_to_log_in_are_no_key),
		cmocka_unit_test(the_comment_is_the_one_behind_the_same_key),
	};

	return RUN_TESTS(tests);
}
