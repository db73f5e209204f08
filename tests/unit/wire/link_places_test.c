/* SPDX-License-Identifier: ISC */

#include "wire/link_places.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/text.h"

static void
names_of_machines_are_plain(void **state UNUSED)
{
	static const char *const good[] = { "gpu3", "a", "a.b-c_d", "3com" };
	static const char *const bad[] = {
		"", "-a", ".a", "a/b", "a b", "a\n", "../a", "+0123456789abcdef"
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(link_name_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(link_name_is_valid(bad[i]));
}

static void
a_long_path_is_made_short_and_stays_its_own(void **state UNUSED)
{
	char a[LINK_STEM_SIZE], b[LINK_STEM_SIZE];

	link_stem(a, "gpu3", 20);
	assert_string_equal(a, "gpu3");
	link_stem(a, "gpu3", 80);
	link_stem(b, "gpu4", 80);
	assert_int_equal(a[0], '+');
	assert_int_equal(strlen(a), 17);
	assert_string_not_equal(a, b);
}

static void
all_places_of_a_link_have_its_name(void **state UNUSED)
{
	AUTO_LINK_PLACES places = LINK_PLACES_INIT, same = LINK_PLACES_INIT;
	struct err err = ERR_INIT;

	setenv("BERTH_HOME", "/somewhere", 1);
	assert_int_equal(link_places_find(&places, "gpu3", &err), 0);
	assert_string_equal(places.ctl, "/somewhere/run/link/gpu3.ctl");
	assert_string_equal(places.sock, "/somewhere/run/link/gpu3.sock");
	assert_true(str_ends(places.events, "/link/events.jsonl"));
	assert_int_equal(link_places_find(&same, "+0123456789abcdef", &err), 0);
	assert_true(str_ends(same.ctl, "/+0123456789abcdef.ctl"));
	assert_int_equal(link_places_find(&same, "../gpu3", &err), -1);
	assert_err(err, ERR_INVALID, "no name");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_machines_are_plain),
		cmocka_unit_test(a_long_path_is_made_short_and_stays_its_own),
		cmocka_unit_test(all_places_of_a_link_have_its_name),
	};

	return RUN_TESTS(tests);
}
