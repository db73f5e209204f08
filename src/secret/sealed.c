/* SPDX-License-Identifier: ISC */

/*
 * Locked bytes; see sealed.h.
 *
 * Costs are read from the file, so that they may grow in later versions; they
 * are bounded before anything is allocated.  A random passphrase from a
 * keyring needs no stretching.
 */

#include <string.h>

#include <sodium.h>

#include "core/buf.h"
#include "core/macros.h"
#include "secret/sealed.h"
#include "secret/secret.h"

#define VERSION 1

/* RFC 9106, section 4: the second recommended option. */
#define PASSES 3u
#define MEMORY (64u << 20)

#define MAX_PASSES 16u
#define MAX_MEMORY (1ull << 30)

#define SALT_SIZE 16
#define NONCE_SIZE 24
#define HASH_SIZE 16
#define KEY_SIZE 32
#define TAG_SIZE 16

enum {
	AT_VERSION = 8,
	AT_KEY = 9,
	AT_PASSES = 12,
	AT_MEMORY = 16,
	AT_SALT = 24,
	AT_NONCE = 40,
	AT_VERIFIER = 64,
	AT_HASH = 80,
	HEADER_SIZE = 96,
};

_Static_assert(SALT_SIZE == crypto_pwhash_argon2id_SALTBYTES, "");
_Static_assert(NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "");
_Static_assert(KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "");
_Static_assert(TAG_SIZE == crypto_aead_xchacha20poly1305_ietf_ABYTES, "");
_Static_assert(SEALED_OVERHEAD == HEADER_SIZE + TAG_SIZE, "");

static const uint8_t magic[AT_VERSION] = { 'b', 'e', 'r', 't',
					   'h', 'b', 'o', 'x' };

static void
put_le(uint8_t *at, uint64_t n, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(n >> (8 * i));
}

static uint64_t
get_le(const uint8_t *at, size_t size)
{
	uint64_t n = 0;

	while (size-- > 0)
		n = n << 8 | at[size];
	return n;
}

static void
hash_header(uint8_t out[HASH_SIZE], const uint8_t *header)
{
	crypto_generichash(out, HASH_SIZE, header, AT_HASH, NULL, 0);
}

static int
check_header(const uint8_t *header, size_t n, struct err *err)
{
	uint8_t hash[HASH_SIZE];

	if (n < sizeof(magic) || memcmp(header, magic, sizeof(magic)) != 0)
		return err_set(err, ERR_CONFIG, "is no sealed file");
	if (n < SEALED_OVERHEAD)
		return err_set(err, ERR_CONFIG, "is damaged: it is cut short");
	if (header[AT_VERSION] != VERSION) {
		err_set(err, ERR_UNSUPPORTED, "has version %u",
			header[AT_VERSION]);
		return err_hint(err, "a newer berth wrote it");
	}
	hash_header(hash, header);
	if (memcmp(hash, header + AT_HASH, HASH_SIZE) != 0 ||
	    header[AT_KEY] > SEALED_BY_KEYRING ||
	    get_le(header + AT_PASSES, 4) < 1 ||
	    get_le(header + AT_PASSES, 4) > MAX_PASSES ||
	    get_le(header + AT_MEMORY, 8) < crypto_pwhash_MEMLIMIT_MIN ||
	    get_le(header + AT_MEMORY, 8) > MAX_MEMORY)
		return err_set(err, ERR_CONFIG,
			       "is damaged: its header is wrong");
	return 0;
}

int
sealed_key(const void *bytes, size_t n, enum sealed_key *ret, struct err *err)
{
	const uint8_t *header = bytes;

	if (check_header(header, n, err) < 0)
		return -1;
	*ret = (enum sealed_key)header[AT_KEY];
	return 0;
}

/* The key, and after it the key of the verifier. */
static int
derive(const uint8_t *header, const struct secret *passphrase,
       struct secret **ret, struct err *err)
{
	AUTO_SECRET *keys = secret_alloc(2 * KEY_SIZE);

	if (crypto_pwhash(secret_fill(keys), 2 * KEY_SIZE,
			  secret_reveal(passphrase), secret_len(passphrase),
			  header + AT_SALT, get_le(header + AT_PASSES, 4),
			  (size_t)get_le(header + AT_MEMORY, 8),
			  crypto_pwhash_ALG_ARGON2ID13) < 0)
		return err_set(err, ERR_LIMIT,
			       "not enough memory to make the key");
	*ret = TAKE(keys);
	return 0;
}

static void
make_verifier(uint8_t out[HASH_SIZE], const uint8_t *header,
	      const struct secret *keys)
{
	crypto_generichash(out, HASH_SIZE, header, AT_VERIFIER,
			   (const uint8_t *)secret_reveal(keys) + KEY_SIZE,
			   KEY_SIZE);
}

int
sealed_open(const void *bytes, size_t n, const struct secret *passphrase,
	    struct secret **ret, struct err *err)
{
	const uint8_t *header = bytes;
	AUTO_SECRET *keys = NULL, *plain = NULL;
	uint8_t verifier[HASH_SIZE];

	if (check_header(header, n, err) < 0)
		return -1;
	if (n > SEALED_MAX + SEALED_OVERHEAD)
		return err_set(err, ERR_LIMIT, "is larger than %u bytes",
			       SEALED_MAX);
	if (derive(header, passphrase, &keys, err) < 0)
		return -1;
	make_verifier(verifier, header, keys);
	if (sodium_memcmp(verifier, header + AT_VERIFIER, HASH_SIZE) != 0)
		return err_set(err, ERR_DENIED, "the passphrase is wrong");
	plain = secret_alloc(n - SEALED_OVERHEAD);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		secret_fill(plain), NULL, NULL, header + HEADER_SIZE,
		n - HEADER_SIZE, header, HEADER_SIZE, header + AT_NONCE,
		secret_reveal(keys)) < 0)
		return err_set(err, ERR_CONFIG,
			       "is damaged: the passphrase is right, the "
			       "content is not what was written");
	*ret = TAKE(plain);
	return 0;
}

static void
make_header(uint8_t *header, enum sealed_key key)
{
	bool is_random = key == SEALED_BY_KEYRING;

	memset(header, 0, HEADER_SIZE);
	memcpy(header, magic, sizeof(magic));
	header[AT_VERSION] = VERSION;
	header[AT_KEY] = (uint8_t)key;
	put_le(header + AT_PASSES, is_random ? 1 : PASSES, 4);
	put_le(header + AT_MEMORY,
	       is_random ? crypto_pwhash_MEMLIMIT_MIN : MEMORY, 8);
	randombytes_buf(header + AT_SALT, SALT_SIZE);
	randombytes_buf(header + AT_NONCE, NONCE_SIZE);
}

int
sealed_make(const struct secret *plain, const struct secret *passphrase,
	    enum sealed_key key, struct buf *out, struct err *err)
{
	size_t n = secret_len(plain);
	uint8_t *room = buf_reserve(out, n + SEALED_OVERHEAD);
	AUTO_SECRET *keys = NULL;

	if (room == NULL || n > SEALED_MAX)
		return err_set(err, ERR_LIMIT, "too much to seal");
	if (sodium_init() < 0)
		return err_set(err, ERR_SYSTEM, "no source of randomness");
	make_header(room, key);
	if (derive(room, passphrase, &keys, err) < 0)
		return -1;
	make_verifier(room + AT_VERIFIER, room, keys);
	hash_header(room + AT_HASH, room);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
	    room + HEADER_SIZE, NULL, secret_reveal(plain), n, room,
	    HEADER_SIZE, NULL, room + AT_NONCE, secret_reveal(keys));
	buf_commit(out, n + SEALED_OVERHEAD);
	return 0;
}
