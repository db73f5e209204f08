/* SPDX-License-Identifier: ISC */
#ifndef BERTH_SECRET_SECRET_H
#define BERTH_SECRET_SECRET_H

/*
 * A secret: bytes that are not shown by accident.
 *
 * The struct is opaque and there is no way to text, to JSON or to a log; who
 * needs the bytes says secret_reveal, which can be searched for.  The memory
 * is locked, between guard pages, left out of core dumps and wiped when freed.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

struct secret;

/* One value that a person keeps; passwords and keys are far smaller. */
#define SECRET_MAX 65536

/* Of `n' zero bytes; or a copy of `bytes', which the caller wipes. */
struct secret *secret_alloc(size_t n);
struct secret *secret_new(const void *bytes, size_t n);
void secret_free(struct secret *secret);

size_t secret_len(const struct secret *secret);

/* The bytes, one NUL after them; borrowed. */
const void *secret_reveal(const struct secret *secret);

/* The same for whoever fills a secret_alloc. */
void *secret_fill(struct secret *secret);

/* It turned out shorter. */
void secret_cut(struct secret *secret, size_t n);

/* In a time that depends on the lengths only. */
bool secret_is_equal(const struct secret *a, const struct secret *b);

/*
 * Read all of `fd', at most `max' bytes; ERR_LIMIT.  One newline at the end is
 * no part of it.
 */
int secret_read(int fd, size_t max, struct secret **ret, struct err *err);

static inline void
auto_secret(struct secret **secret)
{
	secret_free(*secret);
}

#define AUTO_SECRET __attribute__((cleanup(auto_secret))) struct secret

#endif
