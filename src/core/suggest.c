/* SPDX-License-Identifier: ISC */

/* The nearest word; see suggest.h. */

#include <stdint.h>
#include <string.h>

#include "core/macros.h"
#include "core/suggest.h"

/* Longer words are not typing errors of anything we know. */
#define MAX_WORD 32

/* Optimal string alignment over three rows: the swap looks two rows back. */
static size_t
distance(const char *a, size_t n, const char *b, size_t m)
{
	uint8_t rows[3][MAX_WORD + 1];
	uint8_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= m; j++)
		last[j] = (uint8_t)j;
	for (size_t i = 1; i <= n; i++) {
		uint8_t *spare = before;

		row[0] = (uint8_t)i;
		for (size_t j = 1; j <= m; j++) {
			int changed = last[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = (uint8_t)MIN(changed, last[j] + 1);
			row[j] = (uint8_t)MIN(row[j], row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = (uint8_t)MIN(row[j],
						      before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[m];
}

void
suggest_init(struct suggest *s, const char *word)
{
	size_t n = strlen(word);

	*s = (struct suggest){ .word = word, .distance = n / 3 + 1 };
	if (n > 0 && n < 3)
		s->distance = 2;
}

void
suggest_offer(struct suggest *s, const char *candidate)
{
	size_t n = strlen(s->word), m = strlen(candidate), d;

	if (n == 0 || n > MAX_WORD || m > MAX_WORD)
		return;
	d = distance(s->word, n, candidate, m);
	if (d >= s->distance || d >= m)
		return;
	s->best = candidate;
	s->distance = d;
}
