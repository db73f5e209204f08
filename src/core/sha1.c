/* SPDX-License-Identifier: ISC */

/* SHA-1 (FIPS 180-4); see sha1.h. */

#include <string.h>

#include "core/sha1.h"

#define BLOCK 64

static uint32_t
rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void
add_block(uint32_t state[5], const uint8_t block[BLOCK])
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3],
		 e = state[4], f, k, t, w[80];

	for (unsigned i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 |
		       (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (unsigned i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		if (i < 20) {
			f = (b & c) | (~b & d);
			k = 0x5a827999;
		} else if (i < 40) {
			f = b ^ c ^ d;
			k = 0x6ed9eba1;
		} else if (i < 60) {
			f = (b & c) | (b & d) | (c & d);
			k = 0x8f1bbcdc;
		} else {
			f = b ^ c ^ d;
			k = 0xca62c1d6;
		}
		t = rotate(a, 5) + f + e + k + w[i];
		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = t;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
}

void
sha1_init(struct sha1 *s)
{
	*s = (struct sha1){ .state = { 0x67452301, 0xefcdab89, 0x98badcfe,
				       0x10325476, 0xc3d2e1f0 } };
}

void
sha1_add(struct sha1 *s, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	size_t have = s->n % BLOCK;

	s->n += n;
	while (n > 0) {
		size_t take = n < BLOCK - have ? n : BLOCK - have;

		if (take == BLOCK) {
			add_block(s->state, p);
		} else {
			memcpy(s->block + have, p, take);
			have += take;
			if (have == BLOCK)
				add_block(s->state, s->block);
			have %= BLOCK;
		}
		p += take;
		n -= take;
	}
}

void
sha1_end(struct sha1 *s, uint8_t out[SHA1_SIZE])
{
	uint64_t bits = s->n * 8;
	size_t have = s->n % BLOCK, zeros = (have < 56 ? 55 : 119) - have;
	uint8_t tail[BLOCK + 8] = { 0x80 };

	for (unsigned i = 0; i < 8; i++)
		tail[1 + zeros + i] = (uint8_t)(bits >> (56 - 8 * i));
	sha1_add(s, tail, 1 + zeros + 8);
	for (unsigned i = 0; i < SHA1_SIZE; i++)
		out[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

void
sha1(const void *bytes, size_t n, uint8_t out[SHA1_SIZE])
{
	struct sha1 s;

	sha1_init(&s);
	sha1_add(&s, bytes, n);
	sha1_end(&s, out);
}
