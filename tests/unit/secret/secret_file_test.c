/* SPDX-License-Identifier: ISC */

#include "secret/secret_file.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/path.h"
#include "secret/secret.h"

/* Who is asked: how often, and what they say. */
struct person {
	const char *says;
	unsigned asked;
	unsigned flags;
};

static int
ask_person(const char *prompt, unsigned flags, struct secret **ret, void *owner,
	   struct err *err UNUSED)
{
	struct person *person = owner;

	assert_non_null(strstr(prompt, "assphrase for "));
	person->asked++;
	person->flags = flags;
	*ret = secret_new(person->says, strlen(person->says));
	return 0;
}

static void
set(struct store *store, const char *name, const char *value)
{
	AUTO_SECRET *secret = secret_new(value, strlen(value));
	struct err err = ERR_INIT;

	if (store_set(store, name, secret, &err) < 0)
		fail_msg("%s", err.msg);
}

static void
assert_value(struct store *store, const char *name, const char *value)
{
	AUTO_SECRET *secret = NULL;
	struct err err = ERR_INIT;

	if (store_get(store, name, &secret, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(secret_reveal(secret), value);
}

static void
secrets_are_kept_and_the_passphrase_asked_for_once(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "new/secrets.enc");
	struct person person = { .says = "pass" };
	AUTO_STORE *store = secret_file_open(path, ask_person, &person);
	struct err err = ERR_INIT;
	AUTO_SECRET *none = NULL;
	struct store_list list;
	struct stat st;

	assert_int_equal(store_list(store, &list, &err), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(person.asked, 0);
	set(store, "b", "second");
	assert_int_equal(person.flags, ASK_TWICE);
	set(store, "a", "first");
	set(store, "b", "again");
	assert_value(store, "a", "first");
	assert_value(store, "b", "again");
	assert_int_equal(store_list(store, &list, &err), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0].name, "a");
	store_list_fini(&list);
	assert_int_equal(store_remove(store, "a", &err), 0);
	assert_int_equal(store_get(store, "a", &none, &err), -1);
	assert_err(err, ERR_NOT_FOUND, "there is no secret \"a\" in the file");
	assert_int_equal(person.asked, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
wrong_passphrase_and_damage_are_different_answers(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "damaged.enc");
	struct person right = { .says = "right" }, wrong = { .says = "wrong" };
	AUTO_STORE *store = secret_file_open(path, ask_person, &right);
	AUTO_STORE *other = secret_file_open(path, ask_person, &wrong);
	struct err err = ERR_INIT;
	AUTO_BUF bytes = BUF_INIT(4096);
	AUTO_SECRET *got = NULL;

	set(store, "a", "first");
	assert_int_equal(store_get(other, "a", &got, &err), -1);
	assert_err(err, ERR_DENIED, "the passphrase is wrong");
	assert_int_equal(fs_read_file(AT_FDCWD, path, &bytes, &err), 0);
	buf_bytes(&bytes)[bytes.len - 1] ^= 1;
	assert_int_equal(
	    fs_replace(path, buf_bytes(&bytes), bytes.len, 0, &err), 0);
	assert_int_equal(store_get(store, "a", &got, &err), -1);
	assert_err(err, ERR_CONFIG, "is damaged");
}

static void
file_that_others_can_write_is_not_trusted(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(unit_temp_dir(), "open.enc");
	struct person person = { .says = "pass" };
	AUTO_STORE *store = secret_file_open(path, ask_person, &person);
	struct err err = ERR_INIT;
	AUTO_SECRET *got = NULL;

	set(store, "a", "first");
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(store_get(store, "a", &got, &err), -1);
	assert_err(err, ERR_DENIED, "others can write it");
}

static void
records_survive_and_damage_in_them_is_seen(void **state UNUSED)
{
	struct secret_file_entry items[2] = {
		{ (char *)(uintptr_t) "one", 5, secret_new("1", 1) },
		{ (char *)(uintptr_t) "two", 6, secret_new("2\0b", 3) },
	};
	struct secret_file_entries entries = { items, 2 }, got;
	AUTO_SECRET *plain = secret_file_encode(&entries);
	size_t n = secret_len(plain), good = 0;

	for (size_t i = 0; i <= n; i++) {
		struct err err = ERR_INIT;

		if (secret_file_decode(secret_reveal(plain), i, &got, &err) < 0)
			assert_err(err, ERR_CONFIG, "is damaged: record");
		else
			good++;
		if (i == n) {
			assert_int_equal(got.n, 2);
			assert_int_equal(got.items[1].changed_s, 6);
			assert_memory_equal(secret_reveal(got.items[1].value),
					    "2\0b", 3);
		}
		secret_file_entries_fini(&got);
	}
	/* None, one, two. */
	assert_int_equal(good, 3);
	secret_free(items[0].value);
	secret_free(items[1].value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    secrets_are_kept_and_the_passphrase_asked_for_once),
		cmocka_unit_test(
		    wrong_passphrase_and_damage_are_different_answers),
		cmocka_unit_test(file_that_others_can_write_is_not_trusted),
		cmocka_unit_test(records_survive_and_damage_in_them_is_seen),
	};

	return RUN_TESTS(tests);
}
