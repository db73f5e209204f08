/* SPDX-License-Identifier: ISC */

#include "client/lines.h"
#include "tests/unit/unit.h"

#include <string.h>

static int
on_line(const char *line, size_t n, void *owner)
{
	(void)buf_addf(owner, "<%.*s>", (int)n, line);
	return n == 4 && memcmp(line, "stop", 4) == 0 ? -1 : 0;
}

static void
lines_arrive_whole_however_they_are_cut(void **state UNUSED)
{
	static const char text[] = "one\n\nthree four\nfive";

	for (size_t step = 1; step < sizeof(text); step++) {
		AUTO_BUF out = BUF_INIT(4096);
		struct err err = ERR_INIT;
		struct lines lines;

		lines_init(&lines, on_line, &out);
		for (size_t at = 0; at < strlen(text); at += step)
			assert_int_equal(
			    lines_feed(&lines, text + at,
				       MIN(step, strlen(text) - at), &err),
			    0);
		assert_string_equal(buf_text(&out), "<one><><three four>");
		lines_reset(&lines);
		assert_int_equal(lines_feed(&lines, "x\n", 2, &err), 0);
		assert_string_equal(buf_text(&out), "<one><><three four><x>");
		lines_fini(&lines);
	}
}

static void
the_owner_can_stop(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT(4096);
	struct err err = ERR_INIT;
	struct lines lines;

	lines_init(&lines, on_line, &out);
	assert_int_equal(lines_feed(&lines, "a\nstop\nb\n", 9, &err), -1);
	assert_string_equal(buf_text(&out), "<a><stop>");
	lines_fini(&lines);
}

static void
an_endless_line_is_refused(void **state UNUSED)
{
	static char block[1 << 20];
	AUTO_BUF out = BUF_INIT(4096);
	struct err err = ERR_INIT;
	struct lines lines;
	int rc = 0;

	memset(block, 'x', sizeof(block));
	lines_init(&lines, on_line, &out);
	for (size_t n = 0; rc == 0 && n <= LINES_MAX; n += sizeof(block))
		rc = lines_feed(&lines, block, sizeof(block), &err);
	assert_int_equal(rc, -1);
	assert_err(err, ERR_PROTO, "line of more than");
	lines_fini(&lines);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_arrive_whole_however_they_are_cut),
		cmocka_unit_test(the_owner_can_stop),
		cmocka_unit_test(an_endless_line_is_refused),
	};

	return RUN_TESTS(tests);
}
