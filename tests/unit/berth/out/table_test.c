/* SPDX-License-Identifier: ISC */

#include "berth/out/table.h"
#include "tests/unit/unit.h"

#include "core/buf.h"

static const struct table_column columns[] = {
	{ .title = "ID" },
	{ .title = "N", .is_right = true },
	{ .title = "COMMAND", .is_flexible = true },
};

static void
assert_printed(const char *const *cells, const struct table_look *look,
	       const char *wanted)
{
	AUTO_BUF out = BUF_INIT(1 << 20);
	struct table table;

	table_init(&table, columns, ARRAY_SIZE(columns));
	for (; *cells; cells++)
		table_add(&table, *cells, STYLE_PLAIN);
	table_print(&table, look, &out);
	table_fini(&table);
	assert_string_equal(buf_text(&out), wanted);
}

#define CELLS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
columns_are_aligned(void **state UNUSED)
{
	assert_printed(CELLS("a", "1", "make", "bcd", "100", "ls -l"),
		       &(struct table_look){ 0 },
		       "ID     N  COMMAND\n"
		       "a      1  make\n"
		       "bcd  100  ls -l\n");
}

static void
alignment_counts_columns_not_bytes(void **state UNUSED)
{
	assert_printed(CELLS("\xe6\xbc\xa2", "1", "x", "abcd", "2", "y"),
		       &(struct table_look){ .headless = true },
		       "\xe6\xbc\xa2    1  x\nabcd  2  y\n");
}

static void
the_flexible_column_gives_way(void **state UNUSED)
{
	assert_printed(CELLS("a", "1", "a long command line that goes on"),
		       &(struct table_look){ .width = 24, .headless = true },
		       "a  1  a long command li\xe2\x80\xa6\n");
	assert_printed(CELLS("a", "1", "a long command line that goes on"),
		       &(struct table_look){ .width = 4, .headless = true },
		       "a  1  a long co\xe2\x80\xa6\n");
}

static void
a_cell_is_one_harmless_line(void **state UNUSED)
{
	assert_printed(CELLS("a", "", "x\ny\tz\033[2J"),
		       &(struct table_look){ .headless = true },
		       "a  -  x y z\\x1b[2J\n");
}

static void
colour_does_not_count(void **state UNUSED)
{
	struct table_look look = { .colour = true, .headless = true };
	AUTO_BUF out = BUF_INIT(1024);
	struct table table;

	table_init(&table, columns, ARRAY_SIZE(columns));
	table_add(&table, "ok", STYLE_GREEN);
	table_add(&table, "1", STYLE_PLAIN);
	table_add(&table, "x", STYLE_PLAIN);
	table_print(&table, &look, &out);
	table_fini(&table);
	assert_string_equal(buf_text(&out), "\033[32mok\033[0m  1  x\n");
}

static void
an_empty_table_has_its_titles(void **state UNUSED)
{
	assert_printed((const char *const[]){ NULL }, &(struct table_look){ 0 },
		       "ID  N  COMMAND\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(alignment_counts_columns_not_bytes),
		cmocka_unit_test(the_flexible_column_gives_way),
		cmocka_unit_test(a_cell_is_one_harmless_line),
		cmocka_unit_test(colour_does_not_count),
		cmocka_unit_test(an_empty_table_has_its_titles),
	};

	return RUN_TESTS(tests);
}
