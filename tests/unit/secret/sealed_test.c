/* SPDX-License-Identifier: ISC */

#include "secret/sealed.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "secret/secret.h"

static const char text[] = "machines: []\n";

static struct secret *
secret_of(const char *s)
{
	return secret_new(s, strlen(s));
}

static void
seal(const char *passphrase, enum sealed_key key, struct buf *out)
{
	AUTO_SECRET *plain = secret_of(text), *pass = secret_of(passphrase);
	struct err err = ERR_INIT;

	assert_int_equal(sealed_make(plain, pass, key, out, &err), 0);
}

static int
unseal(const void *bytes, size_t n, const char *passphrase, struct err *err)
{
	AUTO_SECRET *pass = secret_of(passphrase), *plain = NULL;

	if (sealed_open(bytes, n, pass, &plain, err) < 0)
		return -1;
	assert_string_equal(secret_reveal(plain), text);
	return 0;
}

static void
what_is_sealed_opens_with_its_passphrase_only(void **state UNUSED)
{
	AUTO_BUF box = BUF_INIT(4096), other = BUF_INIT(4096);
	struct err err = ERR_INIT;
	enum sealed_key key;

	seal("correct horse", SEALED_BY_PASSPHRASE, &box);
	assert_int_equal(box.len, sizeof(text) - 1 + SEALED_OVERHEAD);
	assert_int_equal(
	    unseal(buf_bytes(&box), box.len, "correct horse", &err), 0);
	assert_int_equal(unseal(buf_bytes(&box), box.len, "wrong", &err), -1);
	assert_err(err, ERR_DENIED, "the passphrase is wrong");
	assert_int_equal(sealed_key(buf_bytes(&box), box.len, &key, &err), 0);
	assert_int_equal(key, SEALED_BY_PASSPHRASE);
	seal("correct horse", SEALED_BY_PASSPHRASE, &other);
	assert_memory_not_equal(buf_bytes(&box), buf_bytes(&other), box.len);
}

/* The cheap kind, so that every byte can be tried. */
static void
damage_is_told_from_a_wrong_passphrase(void **state UNUSED)
{
	AUTO_BUF box = BUF_INIT(4096);

	seal("key", SEALED_BY_KEYRING, &box);
	for (size_t i = 0; i < box.len; i++) {
		struct err err = ERR_INIT;

		buf_bytes(&box)[i] ^= 0x20;
		assert_int_equal(unseal(buf_bytes(&box), box.len, "key", &err),
				 -1);
		assert_true(err.code == ERR_CONFIG ||
			    (i == 8 && err.code == ERR_UNSUPPORTED));
		buf_bytes(&box)[i] ^= 0x20;
	}
	for (size_t n = 0; n < box.len; n++) {
		struct err err = ERR_INIT;

		assert_int_equal(unseal(buf_bytes(&box), n, "key", &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_opens_with_its_passphrase_only),
		cmocka_unit_test(damage_is_told_from_a_wrong_passphrase),
	};

	return RUN_TESTS(tests);
}
