/* SPDX-License-Identifier: ISC */

#include "berth/out/width.h"
#include "tests/unit/unit.h"

#include <string.h>

static void
assert_width(const char *text, size_t wanted)
{
	size_t width = width_of(text, strlen(text));

	if (width != wanted)
		fail_msg("\"%s\": %zu columns instead of %zu", text, width,
			 wanted);
}

static void
plain_text_takes_a_column_each(void **state UNUSED)
{
	assert_width("", 0);
	assert_width("make -j8", 8);
	assert_width("\xc3\xa9t\xc3\xa9", 3);
}

static void
east_asian_text_takes_two(void **state UNUSED)
{
	assert_width("\xe6\xbc\xa2\xe5\xad\x97", 4);
	assert_width("\xed\x95\x9c\xea\xb8\x80", 4);
	assert_width("\xef\xbd\xb1", 1); /* half-width katakana */
	assert_width("\xef\xbc\xa1", 2); /* full-width A */
}

static void
marks_belong_to_what_they_stand_on(void **state UNUSED)
{
	assert_width("e\xcc\x81", 1);
	assert_width("a\xcc\x80\xcc\x81 b", 3);
	assert_width("\xe0\xb8\x81\xe0\xb8\xb4", 1);		 /* Thai */
	assert_width("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2); /* jamo */
}

static void
an_emoji_sequence_is_one_emoji(void **state UNUSED)
{
	assert_width("\xf0\x9f\x98\x80", 2);
	/* woman, joiner, laptop */
	assert_width("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", 2);
	/* thumb, skin tone */
	assert_width("\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", 2);
	/* heart as text, and as emoji */
	assert_width("\xe2\x9d\xa4", 1);
	assert_width("\xe2\x9d\xa4\xef\xb8\x8f", 2);
	/* one flag, and two */
	assert_width("\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa", 2);
	assert_width("\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa"
		     "\xf0\x9f\x87\xab\xf0\x9f\x87\xb7",
		     4);
}

static void
broken_bytes_count_one_each(void **state UNUSED)
{
	assert_width("a\xff\xfe", 3);
	assert_width("\xe6\xbc", 2);
}

static void
a_cut_falls_between_characters(void **state UNUSED)
{
	static const char text[] = "a\xe6\xbc\xa2"
				   "e\xcc\x81z";

	assert_int_equal(width_fit(text, strlen(text), 0), 0);
	assert_int_equal(width_fit(text, strlen(text), 1), 1);
	assert_int_equal(width_fit(text, strlen(text), 2), 1);
	assert_int_equal(width_fit(text, strlen(text), 3), 4);
	assert_int_equal(width_fit(text, strlen(text), 4), 7);
	assert_int_equal(width_fit(text, strlen(text), 99), 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_takes_a_column_each),
		cmocka_unit_test(east_asian_text_takes_two),
		cmocka_unit_test(marks_belong_to_what_they_stand_on),
		cmocka_unit_test(an_emoji_sequence_is_one_emoji),
		cmocka_unit_test(broken_bytes_count_one_each),
		cmocka_unit_test(a_cut_falls_between_characters),
	};

	return RUN_TESTS(tests);
}
