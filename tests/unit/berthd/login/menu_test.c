/* SPDX-License-Identifier: ISC */

#include "berthd/login/menu.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/buf.h"

static const char *const items[] = { "a", "b", "c", "d", "e", "f",
				     "g", "h", "i", "j", "k", "l" };

static struct menu
typed(size_t n, const char *keys)
{
	struct menu menu = { .items = items, .n = n };

	for (; *keys && !menu.chosen && !menu.left; keys++)
		menu_key(&menu, (uint8_t)*keys);
	return menu;
}

static void
arrows_move_and_enter_chooses(void **state UNUSED)
{
	assert_int_equal(typed(3, "\r").at, 0);
	assert_true(typed(3, "\r").chosen);
	assert_int_equal(typed(3, "\033[B\r").at, 1);
	assert_int_equal(typed(3, "\033OB\033OB\n").at, 2);
	assert_int_equal(typed(3, "\033[A").at, 2);
	assert_int_equal(typed(3, "jjj").at, 0);
	assert_int_equal(typed(3, "k").at, 2);
	assert_false(typed(3, "\033[B").chosen);
	assert_int_equal(typed(1, "\033[B\033[A").at, 0);
}

static void
a_number_chooses_when_it_can_be_no_other(void **state UNUSED)
{
	assert_true(typed(3, "2").chosen);
	assert_int_equal(typed(3, "2").at, 1);
	assert_false(typed(12, "1").chosen);
	assert_int_equal(typed(12, "12").at, 11);
	assert_true(typed(12, "12").chosen);
	assert_int_equal(typed(12, "1\r").at, 0);
	assert_false(typed(3, "0").chosen);
	assert_false(typed(3, "9").chosen);
}

static void
it_can_be_left(void **state UNUSED)
{
	assert_true(typed(3, "q").left);
	assert_true(typed(3, "\003").left);
	assert_true(typed(3, "\004").left);
	assert_true(typed(3, "\033\033").left);
}

/* Whatever comes, what is marked is there. */
static void
any_bytes_leave_a_valid_choice(void **state UNUSED)
{
	for (int round = 0; round < 2000; round++) {
		struct menu menu = { .items = items,
				     .n = 1 + unit_below(ARRAY_SIZE(items)) };

		for (int i = 0; i < 40 && !menu.chosen && !menu.left; i++) {
			menu_key(&menu, (uint8_t)unit_below(256));
			assert_true(menu.at < menu.n);
		}
	}
}

static void
what_is_shown_fits_a_line_per_item(void **state UNUSED)
{
	struct menu menu = { .items = items, .n = 3, .at = 1 };
	AUTO_BUF out = BUF_INIT(4096);
	size_t lines = 0;

	menu_draw(&menu, false, &out);
	for (size_t i = 0; i < out.len; i++)
		lines += buf_text(&out)[i] == '\n';
	assert_int_equal(lines, 4);
	assert_non_null(strstr(buf_text(&out), ">"
					       " 2  b"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrows_move_and_enter_chooses),
		cmocka_unit_test(a_number_chooses_when_it_can_be_no_other),
		cmocka_unit_test(it_can_be_left),
		cmocka_unit_test(any_bytes_leave_a_valid_choice),
		cmocka_unit_test(what_is_shown_fits_a_line_per_item),
	};

	return RUN_TESTS(tests);
}
