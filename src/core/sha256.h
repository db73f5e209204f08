/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_SHA256_H
#define BERTH_CORE_SHA256_H

/*
 * SHA-256 of a whole message (FIPS 180-4): fingerprints of keys, and the chain
 * that holds an audit log together.
 */

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

/* 64 digits and a NUL. */
#define SHA256_HEX_SIZE 65

void sha256(const void *bytes, size_t n, uint8_t out[SHA256_SIZE]);
void sha256_hex(const void *bytes, size_t n, char out[SHA256_HEX_SIZE]);

#endif
