/* SPDX-License-Identifier: ISC */

/* Secrets in memory; see secret.h. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "core/fs.h"
#include "core/macros.h"
#include "secret/secret.h"

/* The end of the allocation is the end of a page: keep the front aligned. */
#define ALIGNMENT 16u

struct secret {
	size_t len;
	uint8_t bytes[];
};

struct secret *
secret_alloc(size_t n)
{
	size_t size = sizeof(struct secret) + n + 1;
	struct secret *secret = NULL;

	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (sodium_init() >= 0)
		secret = sodium_malloc(size);
	if (secret == NULL) {
		fputs("berth: no memory for a secret\n", stderr);
		abort();
	}
	memset(secret, 0, size);
	secret->len = n;
	return secret;
}

struct secret *
secret_new(const void *bytes, size_t n)
{
	struct secret *secret = secret_alloc(n);

	if (n > 0)
		memcpy(secret->bytes, bytes, n);
	return secret;
}

void
secret_free(struct secret *secret)
{
	sodium_free(secret);
}

size_t
secret_len(const struct secret *secret)
{
	return secret->len;
}

const void *
secret_reveal(const struct secret *secret)
{
	return secret->bytes;
}

void *
secret_fill(struct secret *secret)
{
	return secret->bytes;
}

void
secret_cut(struct secret *secret, size_t n)
{
	sodium_memzero(secret->bytes + n, secret->len - n);
	secret->len = n;
}

bool
secret_is_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len &&
	       sodium_memcmp(a->bytes, b->bytes, a->len) == 0;
}

int
secret_read(int fd, size_t max, struct secret **ret, struct err *err)
{
	AUTO_SECRET *all = secret_alloc(max + 1);
	ssize_t got = read_full(fd, all->bytes, max + 1);
	size_t n = (size_t)got;

	if (got < 0)
		return err_sys(err, "read");
	if (n > max)
		return err_set(err, ERR_LIMIT, "longer than %zu bytes", max);
	if (n > 0 && all->bytes[n - 1] == '\n')
		n--;
	*ret = secret_new(all->bytes, n);
	return 0;
}
