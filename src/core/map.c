/* SPDX-License-Identifier: ISC */

/*
 * A hash table; see map.h.  Open addressing with linear probing, at most three
 * quarters full; removal shifts followers back, so there are no tombstones.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/map.h"
#include "core/mem.h"
#include "core/rand.h"

#define SMALLEST 16

static uint64_t
hash_text(uint64_t seed, const char *key)
{
	uint64_t h = seed;

	for (; *key; key++)
		h = (h ^ (uint8_t)*key) * 0x9e3779b97f4a7c15ull;
	h ^= h >> 32;
	return h * 0xd6e8feb86659fd93ull ^ h >> 29;
}

void
map_init(struct map *map)
{
	*map = (struct map){ 0 };
	rand_bytes(&map->seed, sizeof(map->seed));
}

void
map_fini(struct map *map)
{
	free(map->slots);
	*map = (struct map){ .seed = map->seed };
}

/* The slot that holds the key, or the free one where it would go. */
static struct map_slot *
find_slot(const struct map *map, const char *key, uint64_t hash)
{
	size_t i = hash & (map->size - 1);

	while (map->slots[i].key && (map->slots[i].hash != hash ||
				     strcmp(map->slots[i].key, key) != 0))
		i = (i + 1) & (map->size - 1);
	return &map->slots[i];
}

void *
map_find(const struct map *map, const char *key)
{
	if (map->size == 0)
		return NULL;
	return find_slot(map, key, hash_text(map->seed, key))->value;
}

static void
grow(struct map *map)
{
	struct map_slot *old = map->slots;
	size_t n = map->size;

	map->size = n ? n * 2 : SMALLEST;
	map->slots = xcalloc(map->size, sizeof(*map->slots));
	for (size_t i = 0; i < n; i++) {
		if (old[i].key)
			*find_slot(map, old[i].key, old[i].hash) = old[i];
	}
	free(old);
}

void
map_set(struct map *map, const char *key, void *value)
{
	uint64_t hash = hash_text(map->seed, key);
	struct map_slot *slot;

	if ((map->n + 1) * 4 > map->size * 3)
		grow(map);
	slot = find_slot(map, key, hash);
	if (slot->key == NULL)
		map->n++;
	*slot = (struct map_slot){ .key = key, .value = value, .hash = hash };
}

/* May the entry at `i', whose home is `home', move back into the hole? */
static bool
may_move(size_t hole, size_t i, size_t home)
{
	return hole <= i ? (home <= hole || home > i)
			 : (home <= hole && home > i);
}

void *
map_remove(struct map *map, const char *key)
{
	struct map_slot *slot;
	size_t hole, i, mask = map->size - 1;
	void *value;

	if (map->size == 0)
		return NULL;
	slot = find_slot(map, key, hash_text(map->seed, key));
	if (slot->key == NULL)
		return NULL;
	value = slot->value;
	hole = (size_t)(slot - map->slots);
	for (i = (hole + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
		if (may_move(hole, i, map->slots[i].hash & mask)) {
			map->slots[hole] = map->slots[i];
			hole = i;
		}
	}
	map->slots[hole] = (struct map_slot){ 0 };
	map->n--;
	return value;
}
