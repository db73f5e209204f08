/* SPDX-License-Identifier: ISC */

#include "secret/store.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "secret/secret.h"

static void
names_of_secrets_are_checked(void **state UNUSED)
{
	static const char *const good[] = { "a", "gpu3-password", "a/b@c.d_e" };
	static const char *const bad[] = { "",	  "-a",	 "a b",	    "a\nb",
					   "a$b", "a:b", "\xc3\xa9" };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(store_check_name(good[i], &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(store_check_name(bad[i], &err), -1);
		assert_err(err, ERR_INVALID, "the name of a secret");
	}
	assert_string_equal(store_reference("secret:x"), "x");
	assert_null(store_reference("plain"));
}

static void
without_a_bus_the_file_is_chosen_and_said(void **state UNUSED)
{
	struct store_config service = { .kind = STORE_SERVICE };
	struct err err = ERR_INIT;
	AUTO_STORE *store = NULL;

	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("BERTH_SECRET_STORE");
	setenv("BERTH_HOME", unit_temp_dir(), 1);
	store = store_open(NULL, &err);
	assert_non_null(store);
	assert_string_equal(store->ops->kind, "file");
	assert_non_null(strstr(store->where, "config/secrets.enc"));
	assert_non_null(strstr(store->why, "no session bus"));
	assert_null(store_open(&service, &err));
	assert_err(err, ERR_UNSUPPORTED, "no session bus");
	setenv("BERTH_SECRET_STORE", "drawer", 1);
	assert_null(store_open(NULL, &err));
	assert_err(err, ERR_INVALID, "BERTH_SECRET_STORE");
}

static void
empty_and_huge_secrets_are_refused(void **state UNUSED)
{
	struct store_config file = { .kind = STORE_FILE };
	struct err err = ERR_INIT;
	AUTO_STORE *store = NULL;
	AUTO_SECRET *none = secret_alloc(0);
	AUTO_SECRET *huge = secret_alloc(SECRET_MAX + 1);

	setenv("BERTH_HOME", unit_temp_dir(), 1);
	store = store_open(&file, &err);
	assert_int_equal(store_set(store, "a", none, &err), -1);
	assert_err(err, ERR_INVALID, "is empty");
	assert_int_equal(store_set(store, "a", huge, &err), -1);
	assert_err(err, ERR_LIMIT, "longer than");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_secrets_are_checked),
		cmocka_unit_test(without_a_bus_the_file_is_chosen_and_said),
		cmocka_unit_test(empty_and_huge_secrets_are_refused),
	};

	return RUN_TESTS(tests);
}
