/* SPDX-License-Identifier: ISC */

#include "machine/text_edit.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"

static const char sample[] = "# first\n"
			     "machines:\n"
			     "  # about a\n"
			     "  - name: a   # its name\n"
			     "    port: 22  # its port\n"
			     "    retry:\n"
			     "      limit: 3\n"
			     "    # port: 23\n"
			     "\n"
			     "  # about b\n"
			     "  - label: old\n"
			     "    name: b\n"
			     "    about: |\n"
			     "      text\n"
			     "      more\n"
			     "# last\n"
			     "other: 1\n";

static void
put(struct buf *text, const char *from)
{
	buf_init(text, 4096);
	assert_int_equal(buf_adds(text, from), 0);
}

/* Setting `key' of an item makes `from' into `to' somewhere in the sample. */
static void
assert_set(size_t item, const char *key, const char *value, const char *from,
	   const char *to)
{
	struct text_edit_change change = { key, value };
	char wanted[2048];
	const char *at = strstr(sample, from);
	struct err err = ERR_INIT;
	AUTO_BUF text;

	assert_non_null(at);
	snprintf(wanted, sizeof(wanted), "%.*s%s%s", (int)(at - sample), sample,
		 to, at + strlen(from));
	put(&text, sample);
	if (text_edit_set(&text, "c", item, &change, &err) < 0)
		fail_msg("%s: %s", key, err.msg);
	assert_string_equal(buf_text(&text), wanted);
}

static void
only_the_line_of_the_key_changes(void **state UNUSED)
{
	assert_set(0, "port", "2222", "port: 22 ", "port: 2222 ");
	assert_set(0, "port", NULL, "    port: 22  # its port\n", "");
	assert_set(0, "retry.limit", "9", "limit: 3", "limit: 9");
	assert_set(0, "retry.max", "9s", "limit: 3\n",
		   "limit: 3\n      max: 9s\n");
	assert_set(0, "label", "x y", "limit: 3\n",
		   "limit: 3\n    label: \"x y\"\n");
	assert_set(0, "env.A", "1", "limit: 3\n",
		   "limit: 3\n    env:\n      A: 1\n");
	assert_set(0, "user", NULL, "# first", "# first");
	assert_set(1, "label", "new", "label: old", "label: new");
	assert_set(1, "label", NULL, "label: old\n    name", "name");
	assert_set(1, "about", "one", "|\n      text\n      more\n", "one\n");
	assert_set(1, "about", NULL, "    about: |\n      text\n      more\n",
		   "");
	assert_set(1, "user", "me", "more\n", "more\n    user: me\n");
}

static void
assert_edit(const char *before, const char *after, int add)
{
	static const struct text_edit_change changes[] = { { "name", "n" },
							   { "ssh", "h" } };
	struct err err = ERR_INIT;
	AUTO_BUF text;
	int rc;

	put(&text, before);
	rc = add ? text_edit_add(&text, "c", changes, 2, &err)
		 : text_edit_remove(&text, "c", 0, &err);
	if (after == NULL) {
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERR_UNSUPPORTED);
		assert_non_null(strstr(err.hint, "by hand"));
		return;
	}
	if (rc < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(buf_text(&text), after);
}

static void
machines_are_added_in_the_style_of_the_file(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "", "machines:\n  - name: n\n    ssh: h\n" },
		{ "# c", "# c\nmachines:\n  - name: n\n    ssh: h\n" },
		{ "a: 1\n", "a: 1\nmachines:\n  - name: n\n    ssh: h\n" },
		{ "machines:\nb: 1\n",
		  "machines:\n  - name: n\n    ssh: h\nb: 1\n" },
		{ "machines: []  # none\n",
		  "machines:   # none\n  - name: n\n    ssh: h\n" },
		{ "machines:\n- name: a", "machines:\n- name: a\n- name: n\n"
					  "  ssh: h\n" },
		{ "machines:\n    - name: a\n      # x\n\n# y\n",
		  "machines:\n    - name: a\n      # x\n    - name: n\n"
		  "      ssh: h\n\n# y\n" },
		{ "{machines: [{name: a}]}", NULL },
		{ "machines: [{name: a}]", NULL },
		{ "machines:\n  -\n    name: a\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_edit(rows[i][0], rows[i][1], 1);
}

static void
machines_are_removed_with_their_own_comments(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "machines:\n  - name: a\n", "machines:\n" },
		{ "machines:\n  # x\n  - name: a\n    # y\n  # z\n"
		  "  - name: b\n",
		  "machines:\n  # x\n  # z\n  - name: b\n" },
		{ "machines: [{name: a}]", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_edit(rows[i][0], rows[i][1], 0);
}

static void
values_are_quoted_where_they_would_be_misread(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "plain", "plain" },
		{ "secret:a-b", "secret:a-b" },
		{ "me@h.example", "me@h.example" },
		{ "~/x y", "\"~/x y\"" },
		{ "a: b", "\"a: b\"" },
		{ "a:", "\"a:\"" },
		{ "", "\"\"" },
		{ "null", "\"null\"" },
		{ "true", "\"true\"" },
		{ "-x", "\"-x\"" },
		{ "q\"\\\n", "\"q\\\"\\\\\\x0a\"" },
		{ "#no", "\"#no\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF out = BUF_INIT(64);

		assert_int_equal(text_edit_scalar(&out, rows[i][0]), 0);
		assert_string_equal(buf_text(&out), rows[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_line_of_the_key_changes),
		cmocka_unit_test(machines_are_added_in_the_style_of_the_file),
		cmocka_unit_test(machines_are_removed_with_their_own_comments),
		cmocka_unit_test(values_are_quoted_where_they_would_be_misread),
	};

	return RUN_TESTS(tests);
}
