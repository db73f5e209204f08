/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_SUGGEST_H
#define BERTH_CORE_SUGGEST_H

/*
 * What was meant by a word that nobody knows.
 *
 * Candidates are offered one by one; the nearest is kept if it is near enough
 * to be a typing error (a third of the letters: inserted, left out, changed,
 * or swapped with the neighbour), the first of equals.
 */

#include <stddef.h>

struct suggest {
	const char *word; /* borrowed */
	const char *best; /* borrowed; NULL while nothing is near */
	size_t distance;
};

void suggest_init(struct suggest *s, const char *word);
void suggest_offer(struct suggest *s, const char *candidate);

#endif
