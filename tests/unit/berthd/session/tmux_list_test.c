/* SPDX-License-Identifier: ISC */

#include "berthd/session/tmux.h"
#include "tests/unit/unit.h"

#include <string.h>

static void
a_list_is_read(void **state UNUSED)
{
	static const char text[] =
	    "S|web|100|200|80|24|4711|4700|0||||7|a|b \xc3\xbc\n"
	    "S|old|100|200|120|32|4712|4700|1|3||205|0|\n"
	    "S|shot|100|200|120|32|4713|4700|1||9|206|0|t\n"
	    "V|web|80|24|1|0|150|4800|xterm-256color\n"
	    "V|web|80|24|0|1|150|4801|\n";
	AUTO_TMUX_LIST list = { 0 };
	const struct tmux_session *s;

	tmux_list_parse(text, strlen(text), &list);
	assert_int_equal(list.n_sessions, 3);
	s = tmux_list_find(&list, "web");
	assert_int_equal(s->pid, 4711);
	assert_int_equal(s->server, 4700);
	assert_int_equal(s->cols, 80);
	assert_int_equal(s->history, 7);
	assert_false(s->is_dead);
	assert_string_equal(s->title, "a|b \xc3\xbc");
	/* A client in control mode is no viewer. */
	assert_int_equal(s->n_viewers, 1);
	assert_int_equal(list.n_viewers, 1);
	assert_true(list.viewers[0].is_read_only);
	assert_string_equal(list.viewers[0].term, "xterm-256color");
	s = tmux_list_find(&list, "old");
	assert_true(s->is_dead);
	assert_int_equal(s->status, 3);
	assert_int_equal(s->signal, 0);
	assert_int_equal(s->ended, 205);
	s = tmux_list_find(&list, "shot");
	assert_int_equal(s->status, -1);
	assert_int_equal(s->signal, 9);
	assert_null(tmux_list_find(&list, "none"));
}

static void
lines_that_are_not_ours_are_left_out(void **state UNUSED)
{
	static const char *const lines[] = {
		"",
		"S",
		"S|",
		"S|a",
		"no server running on /x",
		"S|a b|100|200|80|24|1|1|0||||0|t",
		"S|a|100|200|80|24|1|1|0||||0",
		"S|a|100|200|80|24|-1|1|0||||0|t",
		"S|a|100|200|80|24|99999999999999999999|1|0||||0|t",
		"S|a|x|200|80|24|1|1|0||||0|t",
		"T|a|100|200|80|24|1|1|0||||0|t",
		"SS|a|100|200|80|24|1|1|0||||0|t",
		"V|a|80|24|0|0|1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		AUTO_TMUX_LIST list = { 0 };

		tmux_list_parse(lines[i], strlen(lines[i]), &list);
		assert_int_equal(list.n_sessions, 0);
		assert_int_equal(list.n_viewers, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_read),
		cmocka_unit_test(lines_that_are_not_ours_are_left_out),
	};

	return RUN_TESTS(tests);
}
