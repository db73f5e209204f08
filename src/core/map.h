/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_MAP_H
#define BERTH_CORE_MAP_H

/*
 * A hash table from strings to pointers.
 *
 * Keys are borrowed: they must live as long as their entry, usually inside the
 * value.  The hash is keyed by randomness, so a peer cannot choose collisions.
 */

#include <stddef.h>
#include <stdint.h>

struct map_slot {
	const char *key; /* NULL: free */
	void *value;
	uint64_t hash;
};

struct map {
	struct map_slot *slots;
	size_t size; /* a power of two, or 0 */
	size_t n;
	uint64_t seed;
};

void map_init(struct map *map);
void map_fini(struct map *map);

/* The value, or NULL. */
void *map_find(const struct map *map, const char *key);

/* Insert or replace; `value' is not NULL. */
void map_set(struct map *map, const char *key, void *value);

/* The value that was there, or NULL. */
void *map_remove(struct map *map, const char *key);

#endif
