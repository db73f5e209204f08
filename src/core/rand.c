/* SPDX-License-Identifier: ISC */

/* Randomness; see rand.h. */

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/rand.h"

void
rand_bytes(void *out, size_t n)
{
	char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			abort();
		p += got;
		n -= (size_t)got;
	}
}

void
id_new(char out[ID_SIZE], uint64_t wall_ns)
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint64_t ms = wall_ns / 1000000;
	uint8_t random[16];

	rand_bytes(random, sizeof(random));
	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[i] = digits[ms & 31];
	for (int i = 0; i < 16; i++)
		out[10 + i] = digits[random[i] & 31];
	out[26] = '\0';
}
