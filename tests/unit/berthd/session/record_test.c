/* SPDX-License-Identifier: ISC */

#include "berthd/session/record.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"

static char *words[] = { (char[]){ "sh" }, (char[]){ "a b" }, NULL };

static char *
temporary(void)
{
	char *dir = xstrdup("/tmp/berth-record-XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static void
a_record_is_kept_renamed_and_removed(void **state UNUSED)
{
	AUTO_FREE char *dir = temporary();
	struct record written = { .name = (char[]){ "web" },
				  .key = (char[]){ "k" },
				  .argv = words,
				  .created_ns = 5,
				  .server = 7,
				  .agent = 9 };
	AUTO_RECORD first = { .name = NULL }, second = { .name = NULL };
	AUTO_RECORDS all = { .n = 0 };
	struct err err = ERR_INIT;

	assert_int_equal(record_write(dir, &written, &err), 0);
	assert_int_equal(record_read(dir, "web", &first, &err), 0);
	assert_string_equal(first.argv[1], "a b");
	assert_string_equal(first.key, "k");
	assert_null(first.profile);
	assert_int_equal(first.server, 7);
	assert_int_equal(first.agent, 9);
	assert_int_equal(record_rename(dir, "web", "site", &err), 0);
	assert_int_equal(record_read(dir, "web", &second, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	records_read(dir, &all);
	assert_int_equal(all.n, 1);
	assert_string_equal(all.items[0].name, "site");
	record_remove(dir, "site");
	record_remove(dir, "site");
	fs_remove_tree(AT_FDCWD, dir, &err);
}

static void
what_is_no_record_is_left_out(void **state UNUSED)
{
	static const char *const texts[] = {
		"",
		"{",
		"{}",
		"[]",
		"{\"name\":\"other\",\"argv\":[\"x\"]}",
		"{\"name\":7,\"argv\":[\"x\"]}"
	};
	AUTO_FREE char *dir = temporary();
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO_FREE char *path = xasprintf("%s/web.json", dir);
		AUTO_RECORDS all = { .n = 0 };
		size_t n = 0;

		while (texts[i][n])
			n++;
		assert_int_equal(
		    fs_write_atomic(AT_FDCWD, path, texts[i], n, 0, &err), 0);
		records_read(dir, &all);
		assert_int_equal(all.n, 0);
	}
	fs_remove_tree(AT_FDCWD, dir, &err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_kept_renamed_and_removed),
		cmocka_unit_test(what_is_no_record_is_left_out),
	};

	return RUN_TESTS(tests);
}
