/* SPDX-License-Identifier: ISC */

#include "core/map.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define KEYS 500

static void
empty_map_finds_and_removes_nothing(void **state UNUSED)
{
	struct map map;

	map_init(&map);
	assert_null(map_find(&map, "x"));
	assert_null(map_remove(&map, "x"));
	map_fini(&map);
	map_fini(&map);
	assert_null(map_find(&map, "x"));
}

static void
value_is_replaced_not_doubled(void **state UNUSED)
{
	char first[] = "key", second[] = "key";
	struct map map;
	int a, b;

	map_init(&map);
	map_set(&map, first, &a);
	map_set(&map, second, &b);
	/* The key of the newer entry counts: the older may be freed now. */
	first[0] = '?';
	assert_ptr_equal(map_find(&map, "key"), &b);
	assert_int_equal(map.n, 1);
	assert_ptr_equal(map_remove(&map, "key"), &b);
	assert_int_equal(map.n, 0);
	map_fini(&map);
}

static void
empty_text_is_a_key_like_any_other(void **state UNUSED)
{
	struct map map;
	int a;

	map_init(&map);
	map_set(&map, "", &a);
	assert_ptr_equal(map_find(&map, ""), &a);
	assert_null(map_find(&map, "x"));
	map_fini(&map);
}

struct model {
	char keys[KEYS][12];
	int values[2][KEYS];
	int *held[KEYS]; /* what the map should hold */
	size_t n;
};

static void
assert_same(const struct map *map, const struct model *model)
{
	size_t seen = 0;

	assert_int_equal(map->n, model->n);
	for (size_t i = 0; i < KEYS; i++)
		assert_ptr_equal(map_find(map, model->keys[i]), model->held[i]);
	for (size_t i = 0; i < map->size; i++)
		seen += map->slots[i].key != NULL;
	assert_int_equal(seen, model->n);
	assert_true(map->n * 4 <= map->size * 3);
}

static void
step(struct map *map, struct model *model, size_t removals)
{
	size_t i = unit_below(KEYS);
	int *value = &model->values[unit_below(2)][i];

	if (unit_below(10) < removals) {
		assert_ptr_equal(map_remove(map, model->keys[i]),
				 model->held[i]);
		model->n -= model->held[i] != NULL;
		model->held[i] = NULL;
	} else {
		map_set(map, model->keys[i], value);
		model->n += model->held[i] == NULL;
		model->held[i] = value;
	}
}

/* Waves of mostly inserting and mostly removing, so that tables fill, wrap
 * round and empty again.
 */
static void
random_operations_agree_with_a_model(void **state UNUSED)
{
	static struct model model;
	struct map map;

	map_init(&map);
	for (size_t i = 0; i < KEYS; i++)
		snprintf(model.keys[i], sizeof(model.keys[i]), "k%zu", i);
	for (int round = 0; round < 60000; round++) {
		step(&map, &model, round / 5000 % 2 ? 8 : 3);
		if (round % 500 == 0)
			assert_same(&map, &model);
	}
	assert_same(&map, &model);
	map_fini(&map);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_map_finds_and_removes_nothing),
		cmocka_unit_test(value_is_replaced_not_doubled),
		cmocka_unit_test(empty_text_is_a_key_like_any_other),
		cmocka_unit_test(random_operations_agree_with_a_model),
	};

	return RUN_TESTS(tests);
}
