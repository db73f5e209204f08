/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_RAND_H
#define BERTH_CORE_RAND_H

/*
 * Randomness from the kernel, and the names made of it.
 */

#include <stddef.h>
#include <stdint.h>

/* 26 characters and a NUL. */
#define ID_SIZE 27

/* Never fails: aborts if the kernel has no randomness to give. */
void rand_bytes(void *out, size_t n);

/*
 * A name that sorts by time: 48 bits of milliseconds and 80 random bits in
 * lower-case Crockford base32 (a ULID).
 */
void id_new(char out[ID_SIZE], uint64_t wall_ns);

#endif
