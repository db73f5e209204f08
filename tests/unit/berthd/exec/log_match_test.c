/* SPDX-License-Identifier: ISC */
#include "berthd/exec/log_match.h"

#include "tests/unit/unit.h"

#include <string.h>

#include "core/clock.h"
#include "core/mem.h"

static bool
matches(const char *pattern, bool is_regex, const void *line, size_t n)
{
	struct err err = ERR_INIT;
	struct log_match *match = log_match_new(pattern, is_regex, &err);
	bool found;

	if (match == NULL)
		fail_msg("%s: %s", pattern, err.msg);
	found = log_match_line(match, line, n);
	log_match_free(match);
	return found;
}

static void
a_text_is_found_as_it_is(void **state UNUSED)
{
	assert_true(matches("a.b", false, "xa.by", 5));
	assert_false(matches("a.b", false, "xaxby", 5));
	assert_true(matches("b", false, "a\0b", 3));
	assert_false(matches("b", false, "aab", 2));
	assert_false(matches("b", false, "", 0));
}

static void
an_expression_is_found(void **state UNUSED)
{
	static const struct {
		const char *pattern, *line;
		bool found;
	} rows[] = {
		{ "a.b", "xaxby", true },
		{ "^b", "ab", false },
		{ "b$", "ab", true },
		{ "^$", "", true },
		{ "(warn|error): [0-9]{1,3}$", "an error: 42", true },
		{ "[[:space:]]x", "a\tx", true },
		{ "[]a]+z", "]a]z", true },
		{ "[^]a]z", "az", false },
		{ "\\.", "abc", false },
		{ "([0-9]{1,3}\\.){3}[0-9]{1,3}", "at 10.0.0.255 up", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(matches(rows[i].pattern, true, rows[i].line,
					 strlen(rows[i].line)),
				 rows[i].found);
	assert_true(matches("b$", true, "a\0b", 3));
}

static void
what_is_wrong_with_a_pattern_is_said(void **state UNUSED)
{
	static const struct {
		const char *pattern, *says;
	} rows[] = {
		{ "a(b", "( or \\(" },
		{ "[a", "[" },
		{ "a\nb", "line end" },
		{ "(a)\\1", "refers back" },
		{ "a{1000}", "repeats too much" },
		{ "((a{20}){20}){20}", "repeats too much" },
		{ "(a{100}){1,}(a{100})", "repeats too much" },
		/* The C library needs forever to compile these. */
		{ "a++++++++++++++++++++", "repeats too much" },
		{ "a*???????????????????", "repeats too much" },
		{ "((((((((a+)+)+)+)+)+)+)+)+", "repeats too much" },
		{ "^a*+++++", "repeats too much" },
		{ "^a?{2}+++++", "repeats too much" },
		{ "((((((^|a)+)+)+)+)+)", "repeats too much" },
		{ "(\\<|a)+++++", "repeats too much" },
		{ "((((a{0,2})+)+)+)+$", "repeats too much" },
		{ "((((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))"
		  ")"
		  "))))))))",
		  "too long" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;

		assert_null(log_match_new(rows[i].pattern, true, &err));
		assert_int_equal(err.code, ERR_INVALID);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].pattern, err.msg);
	}
}

static void
usual_expressions_are_welcome(void **state UNUSED)
{
	static const char *const patterns[] = {
		"^[0-9]+-[0-9]+T[0-9]+:[0-9]+(\\.[0-9]+)? +(WARN|ERROR)",
		"^([a-z]+ ?)+$",
		"^(([a-z0-9]+)(\\.[a-z0-9]+)*)+$",
		"^ *(a*|b*)+ *$",
		"([0-9]{1,3}\\.){3}[0-9]{1,3}",
		"^$|^#",
		"a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q+r+s+t+u+v+w+x+y+z+",
	};

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		struct err err = ERR_INIT;
		struct log_match *match = log_match_new(patterns[i], true,
							&err);

		if (match == NULL)
			fail_msg("%s: %s", patterns[i], err.msg);
		log_match_free(match);
	}
}

static void
only_the_start_of_a_line_is_looked_at(void **state UNUSED)
{
	AUTO_FREE char *line = xmalloc(LOG_MATCH_MAX_LINE + 1);

	memset(line, 'a', LOG_MATCH_MAX_LINE);
	line[LOG_MATCH_MAX_LINE] = 'b';
	assert_false(matches("b", true, line, LOG_MATCH_MAX_LINE + 1));
	assert_true(matches("b", false, line, LOG_MATCH_MAX_LINE + 1));
}

/* Without the limits this takes minutes and gigabytes. */
static void
an_expression_that_explodes_is_held_down(void **state UNUSED)
{
	struct err err = ERR_INIT;
	struct log_match *match = log_match_new("(a|b)*a(a|b){20}c", true,
						&err);
	AUTO_FREE uint8_t *line = xmalloc(65536);
	uint32_t x = 1;

	assert_non_null(match);
	for (int i = 0; i < 5; i++) {
		for (size_t j = 0; j < 65536; j++) {
			x = x * 1664525 + 1013904223;
			line[j] = "ab"[x >> 31];
		}
		assert_false(log_match_line(match, line, 65536));
	}
	line[30] = 'c';
	memset(line, 'a', 30);
	assert_true(log_match_line(match, line, 65536));
	log_match_free(match);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_found_as_it_is),
		cmocka_unit_test(an_expression_is_found),
		cmocka_unit_test(what_is_wrong_with_a_pattern_is_said),
		cmocka_unit_test(usual_expressions_are_welcome),
		cmocka_unit_test(only_the_start_of_a_line_is_looked_at),
		cmocka_unit_test(an_expression_that_explodes_is_held_down),
	};

	return RUN_TESTS(tests);
}
