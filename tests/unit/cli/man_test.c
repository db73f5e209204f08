/* SPDX-License-Identifier: ISC */

#include "cli/man.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/path.h"
#include "tests/unit/cli/shell.h"
#include "tests/unit/cli/ship.h"

static const char *const pages[] = { "ship.1",		 "ship-load.1",
				     "ship-run.1",	 "ship-crew.1",
				     "ship-help.1",	 "ship-crew-ls.1",
				     "ship-completion.1" };

static const char *dir;

static int
setup(void **state UNUSED)
{
	struct err err = ERR_INIT;

	dir = path_join(unit_temp_dir(), "man1");
	return cli_man_write(&ship, dir, &err);
}

static int
teardown(void **state UNUSED)
{
	free((char *)(uintptr_t)dir);
	return 0;
}

static void
every_command_has_its_page(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		AUTO_FREE char *path = path_join(dir, pages[i]);

		if (access(path, R_OK) < 0)
			fail_msg("no %s", pages[i]);
	}
}

/* Pages that are not installed cannot be found; all else must be clean. */
static void
mandoc_has_nothing_to_complain_of(void **state UNUSED)
{
	AUTO_FREE char *command = xasprintf(
	    "cd %s && mandoc -T lint *.1 | grep -v 'referenced manual not "
	    "found'",
	    dir);
	AUTO_BUF out = BUF_INIT(1 << 20);

	if (!shell_has("mandoc"))
		skip();
	(void)shell_run((const char *const[]){ "sh", "-c", command, NULL },
			&out);
	assert_string_equal(buf_text(&out), "");
}

static void
assert_page_has(const char *name, const char *part)
{
	AUTO_FREE char *path = path_join(dir, name);
	AUTO_BUF text = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(-1, path, &text, &err), 0);
	if (strstr(buf_text(&text), part) == NULL)
		fail_msg("\"%s\" is not in:\n%s", part, buf_text(&text));
}

static void
text_cannot_become_a_request(void **state UNUSED)
{
	assert_page_has("ship-load.1", "\n    literal \\en line\n");
	assert_page_has("ship-load.1", "\n    .second line\n");
	assert_page_has("ship-load.1", "\\(aqeverything\\(aq.\n");
	assert_page_has("ship-load.1", "\\-n5 \\(aqa b\\(aq\n");
}

static void
sentences_begin_their_own_lines(void **state UNUSED)
{
	assert_page_has("ship-load.1", "Cargo is loaded.\nIt is not checked!");
}

static void
pages_refer_to_each_other(void **state UNUSED)
{
	assert_page_has("ship-crew-ls.1", ".Xr ship 1 ,\n.Xr ship-crew 1\n");
	assert_page_has("ship.1", ".Xr sail 1 ,\n.Xr shipd 8\n");
	assert_page_has("ship.1", ".It Ic ps\nThe same as");
	assert_page_has("ship.1", "See\n.Xr ship-crew-ls 1 .\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_has_its_page),
		cmocka_unit_test(mandoc_has_nothing_to_complain_of),
		cmocka_unit_test(text_cannot_become_a_request),
		cmocka_unit_test(sentences_begin_their_own_lines),
		cmocka_unit_test(pages_refer_to_each_other),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
