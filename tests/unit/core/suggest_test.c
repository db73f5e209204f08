/* SPDX-License-Identifier: ISC */

#include "core/suggest.h"
#include "tests/unit/unit.h"

#include <string.h>

static const char *
nearest(const char *word, const char *const *candidates)
{
	struct suggest s;

	suggest_init(&s, word);
	for (; *candidates; candidates++)
		suggest_offer(&s, *candidates);
	return s.best;
}

static const char *const words[] = { "start", "stop", "status", "logs",
				     "ls",    "rm",   "stdout", NULL };

static void
one_error_is_forgiven(void **state UNUSED)
{
	assert_string_equal(nearest("strat", words), "start");
	assert_string_equal(nearest("sttop", words), "stop");
	assert_string_equal(nearest("log", words), "logs");
	assert_string_equal(nearest("lgs", words), "logs");
	assert_string_equal(nearest("sl", words), "ls");
	assert_string_equal(nearest("statsu", words), "status");
}

static void
another_word_is_not(void **state UNUSED)
{
	assert_null(nearest("cancel", words));
	assert_null(nearest("x", words));
	assert_null(nearest("", words));
	assert_null(nearest("starlight", words));
}

static void
the_first_of_equals_wins(void **state UNUSED)
{
	assert_string_equal(
	    nearest("bat", (const char *const[]){ "cat", "hat", NULL }), "cat");
}

static void
an_endless_word_is_no_typing_error(void **state UNUSED)
{
	char word[4096];

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_null(nearest(word, words));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_error_is_forgiven),
		cmocka_unit_test(another_word_is_not),
		cmocka_unit_test(the_first_of_equals_wins),
		cmocka_unit_test(an_endless_word_is_no_typing_error),
	};

	return RUN_TESTS(tests);
}
