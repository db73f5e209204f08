/* SPDX-License-Identifier: ISC */

#include "machine/config_file.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "secret/secret.h"

static int
ask_pass(const char *prompt UNUSED, unsigned flags UNUSED, struct secret **ret,
	 void *owner, struct err *err UNUSED)
{
	const char *says = owner;

	*ret = secret_new(says, strlen(says));
	return 0;
}

static void
put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = path_join(dir, name);
	struct err err = ERR_INIT;

	assert_int_equal(fs_replace(path, text, strlen(text), 0, &err), 0);
}

static int
find(struct config_file *file, bool is_codex, const char *pass, struct err *err)
{
	struct config_file_config config = {
		.is_codex = is_codex,
		.ask = ask_pass,
		.owner = (char *)(uintptr_t)pass,
	};

	return config_file_find(file, &config, err);
}

static char *
home(const char *name)
{
	char *dir = path_join(unit_temp_dir(), name);
	AUTO_FREE char *config = path_join(dir, "config");
	struct err err = ERR_INIT;

	assert_int_equal(fs_mkdir_parents(config, &err), 0);
	setenv("BERTH_HOME", dir, 1);
	free(dir);
	return TAKE(config);
}

static void
one_file_is_found_and_two_are_refused(void **state UNUSED)
{
	AUTO_FREE char *dir = home("two");
	struct err err = ERR_INIT;
	struct config_file file;

	assert_int_equal(find(&file, false, "", &err), 0);
	assert_false(file.is_there);
	assert_string_equal(path_base(file.path), "config.yaml");
	config_file_fini(&file);
	put(dir, "config.json", "{}");
	assert_int_equal(find(&file, false, "", &err), 0);
	assert_true(file.is_json);
	config_file_fini(&file);
	put(dir, "config.yaml", "");
	assert_int_equal(find(&file, false, "", &err), -1);
	assert_err(err, ERR_CONFIG, "there are both");
	config_file_fini(&file);
}

static void
codex_remote_reads_its_own_where_ours_is_missing(void **state UNUSED)
{
	AUTO_FREE char *dir = home("codex");
	const char *user = unit_temp_dir();
	AUTO_FREE char *theirs = path_join(user, ".config/codex-remote");
	struct err err = ERR_INIT;
	struct config_file file;

	setenv("HOME", user, 1);
	assert_int_equal(fs_mkdir_parents(theirs, &err), 0);
	put(theirs, "config.yaml", "machines:\n");
	assert_int_equal(find(&file, false, "", &err), 0);
	assert_false(file.is_there);
	config_file_fini(&file);
	assert_int_equal(find(&file, true, "", &err), 0);
	assert_true(file.is_foreign && file.is_there);
	config_file_fini(&file);
	put(dir, "config.yaml", "machines:\n");
	assert_int_equal(find(&file, true, "", &err), 0);
	assert_false(file.is_foreign);
	config_file_fini(&file);
}

static void
assert_text(const char *pass, const char *wanted)
{
	AUTO_BUF text = BUF_INIT(4096);
	struct err err = ERR_INIT;
	AUTO_CONFIG_FILE file;

	assert_int_equal(find(&file, false, pass, &err), 0);
	if (wanted) {
		assert_int_equal(config_file_read(&file, &text, &err), 0);
		assert_string_equal(buf_text(&text), wanted);
	} else {
		assert_int_equal(config_file_read(&file, &text, &err), -1);
		assert_err(err, ERR_DENIED, "the passphrase is wrong");
	}
}

static void
sealed_file_is_read_written_and_opened_again(void **state UNUSED)
{
	AUTO_FREE char *dir = home("sealed");
	AUTO_FREE char *plain = path_join(dir, "config.yaml");
	AUTO_FREE char *sealed = path_join(dir, "config.yaml.enc");
	struct err err = ERR_INIT;
	AUTO_CONFIG_FILE file;

	put(dir, "config.yaml", "# one\n");
	assert_int_equal(find(&file, false, "pw", &err), 0);
	assert_int_equal(config_file_seal(&file, SEALED_BY_PASSPHRASE, &err),
			 0);
	assert_int_equal(access(plain, F_OK), -1);
	assert_int_equal(access(sealed, F_OK), 0);
	assert_text("pw", "# one\n");
	assert_text("wrong", NULL);
	assert_int_equal(config_file_write(&file, "# two\n", 6, &err), 0);
	assert_text("pw", "# two\n");
	config_file_fini(&file);
	assert_int_equal(find(&file, false, "pw", &err), 0);
	assert_int_equal(config_file_unseal(&file, &err), 0);
	assert_int_equal(access(sealed, F_OK), -1);
	assert_text("", "# two\n");
	config_file_fini(&file);
	assert_int_equal(find(&file, false, "pw", &err), 0);
	assert_int_equal(config_file_unseal(&file, &err), -1);
	assert_err(err, ERR_CONFLICT, "is not encrypted");
}

static void
file_that_anybody_can_write_is_refused_and_a_link_stays(void **state UNUSED)
{
	AUTO_FREE char *dir = home("link");
	AUTO_FREE char *path = path_join(dir, "config.yaml");
	const char *other = unit_temp_dir();
	AUTO_FREE char *target = path_join(other, "target");
	AUTO_BUF text = BUF_INIT(4096);
	struct err err = ERR_INIT;
	AUTO_CONFIG_FILE file;
	struct stat st;

	put(other, "target", "# one\n");
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(find(&file, false, "", &err), 0);
	assert_int_equal(config_file_write(&file, "# two\n", 6, &err), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_text("", "# two\n");
	assert_int_equal(chmod(target, 0646), 0);
	assert_int_equal(config_file_read(&file, &text, &err), -1);
	assert_err(err, ERR_DENIED, "can be written by anybody");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_file_is_found_and_two_are_refused),
		cmocka_unit_test(
		    codex_remote_reads_its_own_where_ours_is_missing),
		cmocka_unit_test(sealed_file_is_read_written_and_opened_again),
		cmocka_unit_test(
		    file_that_anybody_can_write_is_refused_and_a_link_stays),
	};

	return RUN_TESTS(tests);
}
