/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_SHA1_H
#define BERTH_CORE_SHA1_H

/*
 * SHA-1 of a whole message: what RFC 6455 demands in its handshake, and a
 * fingerprint by which a repeated request is recognised.  Not for security.
 */

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

void sha1(const void *bytes, size_t n, uint8_t out[SHA1_SIZE]);

#endif
