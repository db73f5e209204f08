/* SPDX-License-Identifier: ISC */
#ifndef BERTH_SECRET_SEALED_H
#define BERTH_SECRET_SEALED_H

/*
 * Bytes locked with a passphrase: Argon2id makes the key, XChaCha20-Poly1305
 * locks.  The layout, little-endian:
 *
 *	 0  "berthbox"
 *	 8  version 1, who knows the passphrase, two zeros
 *	12  u32 passes of Argon2id
 *	16  u64 bytes of memory for it
 *	24  salt, 16 bytes
 *	40  nonce, 24 bytes
 *	64  verifier of the passphrase, 16 bytes
 *	80  BLAKE2b of all above, 16 bytes
 *	96  what is locked, and its tag
 *
 * The hash of the header is checked first, then the verifier, and then the tag:
 * damage and a wrong passphrase are different answers.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct buf;
struct secret;

/* The largest content; a configuration is at most a megabyte. */
#define SEALED_MAX (4u << 20)
#define SEALED_OVERHEAD 112u

enum sealed_key {
	SEALED_BY_PASSPHRASE, /* a person */
	SEALED_BY_KEYRING,    /* the Secret Service keeps it; it is random */
};

/* Who knows the passphrase; ERR_CONFIG: damaged; ERR_UNSUPPORTED. */
int sealed_key(const void *bytes, size_t n, enum sealed_key *ret,
	       struct err *err);

/* ERR_DENIED: the passphrase is wrong; else as sealed_key. */
int sealed_open(const void *bytes, size_t n, const struct secret *passphrase,
		struct secret **ret, struct err *err);

/* Lock `plain'; appends to `out'. */
int sealed_make(const struct secret *plain, const struct secret *passphrase,
		enum sealed_key key, struct buf *out, struct err *err);

#endif
