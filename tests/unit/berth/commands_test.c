/* SPDX-License-Identifier: ISC */

#include "berth/commands.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/each.h"
#include "cli/help.h"
#include "cli/lint.h"
#include "cli/man.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "tests/unit/berth/line.h"
#include "tests/unit/cli/shell.h"
#include "wire/errors.h"

static void
the_table_is_well_formed(void **state UNUSED)
{
	struct err err = ERR_INIT;

	if (cli_lint(&berth_program, &err) < 0)
		fail_msg("%s", err.msg);
}

static void
its_pages_are_clean(void **state UNUSED)
{
	const char *dir = unit_temp_dir();
	AUTO_FREE char *command = xasprintf(
	    "cd %s && mandoc -T lint *.1 2>&1 | grep -v -e 'referenced manual "
	    "not "
	    "found' -e 'outdated mandoc.db'",
	    dir);
	AUTO_BUF out = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	if (!shell_has("mandoc"))
		skip();
	assert_int_equal(cli_man_write(&berth_program, dir, &err), 0);
	(void)shell_run((const char *const[]){ "sh", "-c", command, NULL },
			&out);
	assert_string_equal(buf_text(&out), "");
}

static int
check_help(const struct cli_call *call, void *owner UNUSED)
{
	AUTO_BUF text = BUF_INIT(1 << 20);
	const char *p;

	assert_int_equal(cli_help(call, 80, &text), 0);
	for (p = buf_text(&text); *p; p += strcspn(p, "\n") + 1) {
		size_t n = strcspn(p, "\n");

		if (n > 80 && !str_starts(p, "Usage"))
			fail_msg("too wide: %.*s", (int)n, p);
	}
	return 0;
}

static void
every_help_fits_a_terminal(void **state UNUSED)
{
	assert_int_equal(cli_each(&berth_program, check_help, NULL), 0);
}

/* Does our parser take these words? */
static void
assert_parsed(const char *example, char **argv)
{
	struct cli_call call = CLI_CALL_INIT;
	struct err err = ERR_INIT;

	if (cli_parse(&berth_program, (int)strv_len(argv), argv, &call, &err) <
	    0)
		fail_msg("%s: %s", example, err.msg);
	cli_call_fini(&call);
}

/* Words on a line each; a line with END ends those of one call. */
static void
assert_calls_parsed(const char *example, char *words)
{
	AUTO_STRV char **argv = NULL;
	char *word;

	while ((word = strsep(&words, "\n")) != NULL && words) {
		if (!str_eq(word, "END")) {
			strv_add(&argv, word);
			continue;
		}
		assert_parsed(example, argv);
		strv_free(argv);
		argv = NULL;
	}
}

/* A shell splits the example; `berth' in it is a function that tells. */
static int
check_examples(const struct cli_call *call, void *owner)
{
	static const char script[] =
	    "cd \"$2\" && berth() { printf '%s\\n' berth \"$@\" END >words.$#; "
	    "echo id; }\n"
	    "eval \"$1\" >/dev/null 2>&1 </dev/null; cat words.*; rm words.*";
	const struct cli_row *row = cli_call_command(call)->examples;

	for (; row && row->term; row++) {
		AUTO_BUF words = BUF_INIT(1 << 16);

		(void)shell_run((const char *const[]){ "bash", "-c", script,
						       "sh", row->term, owner,
						       NULL },
				&words);
		if (words.len == 0)
			fail_msg("not run: %s", row->term);
		assert_calls_parsed(row->term, (char *)buf_bytes(&words));
	}
	return 0;
}

static void
examples_can_be_typed(void **state UNUSED)
{
	const char *dir = unit_temp_dir();

	shell_write(dir, "data", "", 0600);
	assert_int_equal(
	    cli_each(&berth_program, check_examples, (void *)(uintptr_t)dir),
	    0);
}

static void
every_status_of_an_error_is_told(void **state UNUSED)
{
	for (unsigned code = 1; code < ERR_CODES; code++) {
		const struct cli_row *row = berth_program.exits;
		char status[8];

		snprintf(status, sizeof(status), "%d",
			 error_row((enum err_code)code)->exit_status);
		while (row->term && !str_eq(row->term, status))
			row++;
		if (row->term == NULL)
			fail_msg("status %s is not told of", status);
	}
}

static void
the_script_of_bash_knows_the_words(void **state UNUSED)
{
	AUTO_LINE script = LINE_INIT;
	const char *dir = unit_temp_dir();
	AUTO_FREE char *command = xasprintf(
	    "cd %s; . ./script; COMP_WORDS=(berth exec logs --tail); "
	    "COMP_CWORD=3; _berth; echo \"${COMPREPLY[@]}\"; "
	    "COMP_WORDS=(berth run -o ''); COMP_CWORD=3; _berth; "
	    "echo \"${COMPREPLY[@]}\"",
	    dir);
	AUTO_BUF out = BUF_INIT(4096);

	LINE_RUN(&script, "berth", "completion", "bash");
	shell_write(dir, "script", buf_text(&script.out), 0600);
	assert_int_equal(
	    shell_run((const char *const[]){ "bash", "-c", command, NULL },
		      &out),
	    0);
	assert_string_equal(buf_text(&out), "--tail-lines --tail\n"
					    "auto text json jsonl raw\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_well_formed),
		cmocka_unit_test(its_pages_are_clean),
		cmocka_unit_test(every_help_fits_a_terminal),
		cmocka_unit_test(examples_can_be_typed),
		cmocka_unit_test(every_status_of_an_error_is_told),
		cmocka_unit_test(the_script_of_bash_knows_the_words),
	};

	return RUN_TESTS(tests);
}
