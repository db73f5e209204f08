/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_SHA1_H
#define BERTH_CORE_SHA1_H

/*
 * SHA-1 of a message, whole or in pieces: what RFC 6455 demands in its
 * handshake, and a fingerprint by which a repeated request is recognised.  Not
 * for security.
 */

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

struct sha1 {
	uint32_t state[5];
	uint64_t n;
	uint8_t block[64]; /* what came of an unfinished one */
};

void sha1_init(struct sha1 *sha1);
void sha1_add(struct sha1 *sha1, const void *bytes, size_t n);
void sha1_end(struct sha1 *sha1, uint8_t out[SHA1_SIZE]);

void sha1(const void *bytes, size_t n, uint8_t out[SHA1_SIZE]);

#endif
