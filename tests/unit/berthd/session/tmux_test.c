/* SPDX-License-Identifier: ISC */

#include "berthd/session/tmux.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/strv.h"
#include "core/text.h"

static char *env[] = { (char[]){ "HOME=/nowhere" }, NULL };

static const struct tmux tmux = { .program = (char[]){ "/usr/bin/tmux" },
				  .socket = (char[]){ "/r/tmux" },
				  .conf = (char[]){ "/r/tmux.conf" },
				  .env = env,
				  .version = 303 };

static void
assert_line(char *const *argv, const char *wanted)
{
	AUTO_BUF line = BUF_INIT(4096);

	for (; *argv; argv++)
		buf_addf(&line, "%s%s", line.len ? " " : "", *argv);
	assert_string_equal(buf_text(&line), wanted);
}

static void
names_are_plain_words(void **state UNUSED)
{
	static const char *const bad[] = { "",	  "a b",   "a.b",     "a:b",
					   "-a",  "a\n",   "=a",      "../",
					   "a;b", "a\x1b", "\xc3\xa4" };
	struct err err = ERR_INIT;
	char name[TMUX_NAME_MAX + 2];

	assert_true(tmux_name_ok("codex"));
	assert_true(tmux_name_ok("_A-9"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(tmux_name_ok(bad[i]));
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(tmux_name_check(name, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	name[TMUX_NAME_MAX] = '\0';
	assert_int_equal(tmux_name_check(name, &err), 0);
}

static void
a_session_is_created_without_a_shell(void **state UNUSED)
{
	char *command[] = { (char[]){ "/b/berthd" }, (char[]){ "x" }, NULL };
	struct tmux_create create = { .name = "web",
				      .command = command,
				      .cols = 90 };
	AUTO_STRV char **argv = tmux_create_argv(&tmux, &create);

	assert_line(argv, "/usr/bin/tmux -S /r/tmux -f /r/tmux.conf -u "
			  "new-session -d -s web -x 90 -y 32 -- /b/berthd x");
}

static void
a_dead_one_is_replaced_on_the_servers_word(void **state UNUSED)
{
	char *command[] = { (char[]){ "x" }, (char[]){ "y" }, NULL };
	struct tmux_create create = { .name = "web",
				      .command = command,
				      .replaces_dead = true };
	AUTO_STRV char **argv = tmux_create_argv(&tmux, &create);

	assert_line(argv, "/usr/bin/tmux -S /r/tmux -f /r/tmux.conf -u "
			  "if-shell -F -t =web: #{pane_dead} kill-session -t "
			  "=web ; new-session -d -s web -x 120 -y 32 -- x y");
}

static void
a_viewer_is_what_it_was_made(void **state UNUSED)
{
	struct tmux_view view = { .name = "web",
				  .colorterm = "truecolor",
				  .is_utf8 = true };
	AUTO_STRV char **plain = tmux_attach_argv(&tmux, &view);
	AUTO_STRV char **looker = NULL, **old = NULL;
	struct tmux before = tmux;

	assert_line(plain, "/usr/bin/tmux -S /r/tmux -f /r/tmux.conf -u -T "
			   "256,RGB,clipboard,title attach-session -t =web");
	view = (struct tmux_view){ .name = "web",
				   .is_read_only = true,
				   .ignores_size = true,
				   .is_alone = true };
	looker = tmux_attach_argv(&tmux, &view);
	assert_line(looker, "/usr/bin/tmux -S /r/tmux -f /r/tmux.conf "
			    "attach-session -d -f read-only,ignore-size -t "
			    "=web");
	before.version = 301;
	old = tmux_attach_argv(&before, &view);
	assert_line(old, "/usr/bin/tmux -S /r/tmux -f /r/tmux.conf "
			 "attach-session -d -r -t =web");
}

static void
a_terminal_that_is_not_known_becomes_one_that_is(void **state UNUSED)
{
	static const char *const terms[] = { "no-such", "../x", "", "dumb",
					     "a/b" };

	for (size_t i = 0; i < ARRAY_SIZE(terms); i++) {
		struct tmux_view view = { .name = "web", .term = terms[i] };
		AUTO_STRV char **made = tmux_view_env(&tmux, &view);

		assert_string_not_equal(strv_env_get(made, "TERM"), terms[i]);
		assert_string_equal(strv_env_get(made, "LC_ALL"), "C");
	}
}

static void
complaints_are_understood(void **state UNUSED)
{
	assert_true(tmux_is_duplicate("duplicate session: web"));
	assert_false(tmux_is_duplicate("can't find session: web"));
	assert_true(tmux_is_no_server("no server running on /r/tmux"));
	assert_true(tmux_is_no_server(
	    "error connecting to /r/tmux (No such file or directory)"));
	assert_false(tmux_is_no_server("can't find session: web"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_plain_words),
		cmocka_unit_test(a_session_is_created_without_a_shell),
		cmocka_unit_test(a_dead_one_is_replaced_on_the_servers_word),
		cmocka_unit_test(a_viewer_is_what_it_was_made),
		cmocka_unit_test(
		    a_terminal_that_is_not_known_becomes_one_that_is),
		cmocka_unit_test(complaints_are_understood),
	};

	return RUN_TESTS(tests);
}
