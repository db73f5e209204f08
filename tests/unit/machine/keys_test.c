/* SPDX-License-Identifier: ISC */

#include "machine/keys.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "machine/machine.h"

static const char *root;

static bool
has_row(const char *name)
{
	for (size_t i = 0; i < keys_n_rows; i++) {
		if (str_eq(keys_rows[i].name, name))
			return true;
	}
	return false;
}

/* What can be written is described, and the reverse. */
static void
every_key_has_a_row_for_the_manual(void **state UNUSED)
{
	size_t n = 0;

	for (size_t i = 0; i < keys_n_fields; i++) {
		const struct json_field *field = &keys_fields[i];

		for (size_t j = 0; j < field->n_item; j++, n++) {
			AUTO_FREE char *name = xasprintf("%s.%s", field->name,
							 field->item[j].name);

			assert_true(has_row(name));
		}
		if (field->n_item)
			continue;
		assert_true(has_row(field->name));
		n++;
	}
	assert_int_equal(n, keys_n_rows);
}

/* A bar inside a cell of a table of Markdown. */
static char *
bars(const char *text)
{
	AUTO_BUF out = BUF_INIT(1024);

	for (; *text; text++) {
		if (*text == '|')
			(void)buf_adds(&out, ", ");
		else
			(void)buf_addc(&out, *text);
	}
	return buf_take(&out);
}

/* docs/machines.md holds the table as it is. */
static void
document_has_every_row(void **state UNUSED)
{
	AUTO_FREE char *path = path_join(root, "docs/machines.md");
	AUTO_BUF text = BUF_INIT(1u << 20);
	struct err err = ERR_INIT;

	if (fs_read_file(AT_FDCWD, path, &text, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < keys_n_rows; i++) {
		const struct keys_row *row = &keys_rows[i];
		AUTO_FREE char *value = bars(row->value);
		AUTO_FREE char *line = xasprintf(
		    "| `%s` | %s | %s | %s |", row->name, value,
		    row->usual ? row->usual : "", row->help);

		if (strstr(buf_text(&text), line) == NULL)
			fail_msg("docs/machines.md lacks: %s", line);
	}
}

static int
finish(struct machine *m, const char *token, struct err *err)
{
	machine_init(m);
	m->ssh = xstrdup("h");
	m->token = xstrdup(token);
	return keys_finish(m, err);
}

static void
token_is_a_reference_or_stands_in_clear(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_MACHINE a, b, c;

	assert_int_equal(finish(&a, "secret:t", &err), 0);
	assert_string_equal(a.token_ref, "t");
	assert_null(a.token);
	assert_int_equal(finish(&b, "change-me", &err), 0);
	assert_string_equal(b.token, "change-me");
	assert_null(b.token_ref);
	assert_int_equal(finish(&c, "", &err), 0);
	assert_null(c.token);
}

static void
machine_must_be_somewhere_and_once(void **state UNUSED)
{
	struct err err = ERR_INIT;
	AUTO_MACHINE a;

	machine_init(&a);
	assert_int_equal(keys_finish(&a, &err), -1);
	assert_err(err, ERR_CONFIG, "nothing says where it is");
	a.ssh = xstrdup("x");
	a.hostname = xstrdup("y");
	assert_int_equal(keys_finish(&a, &err), -1);
	assert_err(err, ERR_CONFIG, "both say where");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_has_a_row_for_the_manual),
		cmocka_unit_test(document_has_every_row),
		cmocka_unit_test(token_is_a_reference_or_stands_in_clear),
		cmocka_unit_test(machine_must_be_somewhere_and_once),
	};

	root = argc > 1 ? argv[1] : ".";
	return RUN_TESTS(tests);
}
