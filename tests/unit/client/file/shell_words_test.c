/* SPDX-License-Identifier: ISC */

#include "client/file/shell_words.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/macros.h"
#include "core/text.h"
#include "client/file/file.h"

/* The line without its last word, a temporary name. */
static void
assert_line(const struct file_request *r, const char *wanted)
{
	AUTO_BUF line = BUF_INIT(SHELL_MAX_LINE);

	shell_words_add(&line, r);
	assert_true(str_starts(buf_text(&line), wanted));
	assert_null(strchr(buf_text(&line) + strlen(wanted), ' '));
}

static void
names_cannot_be_anything_but_operands(void **state UNUSED)
{
	const struct file_request list = FILE_REQUEST(FILE_LIST, "~/a b\n\\$'");
	const struct file_request dash = FILE_REQUEST(FILE_STAT, "-x");
	const struct file_request home = FILE_REQUEST(FILE_STAT, "~");

	assert_line(&list, "list ./a\\0040b\\0012\\0134\\0044\\0047 - - - - ");
	assert_line(&dash, "stat ./\\0055x - - - - ");
	assert_line(&home, "stat ./. - - - - ");
}

static void
operands_have_their_places(void **state UNUSED)
{
	const struct file_request read = FILE_REQUEST(
	    FILE_READ, "/f", .offset = 7, .length = 3, .if_match = "*");
	struct file_request write = FILE_REQUEST(
	    FILE_WRITE, "/f", .flags = FILE_NEW | FILE_PARENTS);

	write.mode = 04755;
	write.mtime_ns = 1999999999;
	assert_line(&read, "read /f - 8 3 \\0052 ");
	assert_line(&write, "write /f -np 755 1 - ");
	write.key = "0123456789abcdef";
	assert_line(&write, "write /f -np 755 1 - 0123456789abcdef.part");
}

static void
an_end_says_what_went_wrong(void **state UNUSED)
{
	static const struct {
		const char *text;
		enum err_code code;
	} rows[] = {
		{ "no NOT_FOUND no such file", ERR_NOT_FOUND },
		{ "no - cat: x: Permission denied", ERR_DENIED },
		{ "no - cat: write error: No space left on device", ERR_LIMIT },
		{ "no - something else", ERR_REMOTE },
		{ "no", ERR_PROTO },
		{ "yes", ERR_PROTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(shell_words_end(rows[i].text, "p", &err), -1);
		assert_int_equal(err.code, rows[i].code);
	}
	assert_int_equal(shell_words_end("ok", "p", &(struct err)ERR_INIT), 0);
}

static void
numbers_are_cut_off_one_by_one(void **state UNUSED)
{
	char text[] = "81a4 12 ./name", *at = text;
	uint64_t n;

	assert_true(shell_words_number(&at, 16, &n));
	assert_int_equal(n, 0x81a4);
	assert_true(shell_words_number(&at, 10, &n));
	assert_int_equal(n, 12);
	assert_false(shell_words_number(&at, 10, &n));
	assert_string_equal(at, "./name");
}

static void
an_entry_is_what_stat_said(void **state UNUSED)
{
	char text[] = "a1ff 7 1700000000 1000 100 42 ./a  b";
	char etag[SHELL_ETAG_SIZE];
	struct file_info info;

	assert_true(shell_words_entry(text, true, etag, &info));
	assert_string_equal(info.name, "a  b");
	assert_int_equal(info.type, FILE_SYMLINK);
	assert_int_equal(info.mode, 0777);
	assert_int_equal(info.size, 7);
	assert_int_equal(info.mtime_ns, 1700000000000000000);
	assert_int_equal(info.uid, 1000);
	assert_int_equal(info.gid, 100);
	assert_string_equal(info.etag, "\"7-1700000000-42\"");
	assert_null(info.target);
}

static void
what_is_no_entry_is_refused(void **state UNUSED)
{
	static const char *const named[] = {
		"",
		"81a4 7 1 0 0",
		"81a4 7 1 0 0 42",
		"81a4 7 1 0 0 42 ./",
		"81a4 7 1 0 0 42 /etc",
		"81a4 7 1 0 0 42 name",
		"zzzz 7 1 0 0 42 ./a",
		"81a4 -7 1 0 0 42 ./a",
	};
	char etag[SHELL_ETAG_SIZE];
	struct file_info info;

	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		AUTO_FREE char *text = strdup(named[i]);

		if (shell_words_entry(text, true, etag, &info))
			fail_msg("%s was taken", named[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_cannot_be_anything_but_operands),
		cmocka_unit_test(operands_have_their_places),
		cmocka_unit_test(an_end_says_what_went_wrong),
		cmocka_unit_test(numbers_are_cut_off_one_by_one),
		cmocka_unit_test(an_entry_is_what_stat_said),
		cmocka_unit_test(what_is_no_entry_is_refused),
	};

	return RUN_TESTS(tests);
}
