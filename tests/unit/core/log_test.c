/* SPDX-License-Identifier: ISC */

#include "core/log.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/text.h"

static int ends[2];

static int
open_pipe(void **state UNUSED)
{
	return pipe(ends);
}

static int
close_pipe(void **state UNUSED)
{
	log_init(STDERR_FILENO, LOG_LVL_WARN);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* What was logged since, without the time in front. */
static const char *
logged(void)
{
	static char text[8192];
	const char *body;
	ssize_t n;

	fd_set_nonblock(ends[0]);
	n = read(ends[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	body = strchr(text, ' ');
	return body ? body + 1 : text;
}

static void
line_has_level_area_and_values(void **state UNUSED)
{
	log_init(ends[1], LOG_LVL_INFO);
	log_info("exec", "started", KV_STR("id", "01ab"), KV_INT("pid", -7));
	assert_string_equal(logged(), "info exec: started id=01ab pid=-7\n");
	log_error("serve", "stopped");
	assert_string_equal(logged(), "error serve: stopped\n");
}

static void
levels_above_the_greatest_are_silent(void **state UNUSED)
{
	log_init(ends[1], LOG_LVL_WARN);
	log_info("a", "b");
	log_debug("a", "b");
	assert_string_equal(logged(), "");
	log_warn("a", "b");
	assert_string_equal(logged(), "warn a: b\n");
}

static void
values_are_quoted_and_harmless(void **state UNUSED)
{
	static const struct {
		const char *value, *shown;
	} rows[] = {
		{ "plain", "plain" },
		{ "", "\"\"" },
		{ "two words", "\"two words\"" },
		{ "a=b", "\"a=b\"" },
		{ "say \"x\"", "\"say \\\"x\\\"\"" },
		{ "a\nerror b: forged", "\"a\\nerror b: forged\"" },
		{ "\033[2J", "\\x1b[2J" },
		{ "back\\slash here", "\"back\\\\slash here\"" },
	};

	log_init(ends[1], LOG_LVL_INFO);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF want = BUF_INIT(1000);

		log_info("t", "x", KV_STR("v", rows[i].value));
		assert_int_equal(
		    buf_addf(&want, "info t: x v=%s\n", rows[i].shown), 0);
		assert_string_equal(logged(), buf_text(&want));
	}
	log_info("t", "x", KV_STR("v", NULL));
	assert_string_equal(logged(), "info t: x v=\"\"\n");
}

/* However much there is to say: one line, one newline, at its end. */
static void
too_long_a_line_is_cut_and_still_ends(void **state UNUSED)
{
	char big[600];

	log_init(ends[1], LOG_LVL_INFO);
	for (size_t n = 1; n < sizeof(big); n += 7) {
		const char *line;

		memset(big, 'y', sizeof(big));
		big[0] = ' '; /* quoted */
		big[n] = '\0';
		log_info("t", "x", KV_STR("a", big), KV_STR("b", big),
			 KV_STR("c", big), KV_STR("d", big), KV_STR("e", big),
			 KV_STR("f", big), KV_STR("g", big), KV_STR("h", big),
			 KV_STR("i", big), KV_STR("j", big));
		line = logged();
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	}
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_pipe, close_pipe)
	const struct CMUnitTest tests[] = {
		TEST(line_has_level_area_and_values),
		TEST(levels_above_the_greatest_are_silent),
		TEST(values_are_quoted_and_harmless),
		TEST(too_long_a_line_is_cut_and_still_ends),
	};

	return RUN_TESTS(tests);
}
