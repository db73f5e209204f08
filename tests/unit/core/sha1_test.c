/* SPDX-License-Identifier: ISC */

#include "core/sha1.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/mem.h"
#include "core/text.h"

static void
assert_digest(const void *bytes, size_t n, const char *want)
{
	uint8_t digest[SHA1_SIZE];
	char hex[2 * SHA1_SIZE + 1];

	sha1(bytes, n, digest);
	hex_encode(hex, digest, sizeof(digest));
	assert_string_equal(hex, want);
}

/* FIPS 180-4 and RFC 3174. */
static void
published_messages_have_their_published_digests(void **state UNUSED)
{
	static const char *const vectors[][2] = {
		{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
		{ "dGhlIHNhbXBsZSBub25jZQ=="
		  "258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
		  "b37a4f2cc0624f1690f64606cf385945b2bec4ea" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
		assert_digest(vectors[i][0], strlen(vectors[i][0]),
			      vectors[i][1]);
}

static void
million_letters_have_their_published_digest(void **state UNUSED)
{
	AUTO_FREE char *text = xmalloc(1000000);

	memset(text, 'a', 1000000);
	assert_digest(text, 1000000,
		      "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

/* Padding is where implementations err: 55, 56, 63 and 64 bytes. */
static void
lengths_round_a_block_are_padded_rightly(void **state UNUSED)
{
	static const struct {
		size_t n;
		const char *digest;
	} vectors[] = {
		{ 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a" },
		{ 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699" },
		{ 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5" },
		{ 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d" },
		{ 65, "11655326c708d70319be2610e8a57d9a5b959d3b" },
	};
	char text[65];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
		assert_digest(text, vectors[i].n, vectors[i].digest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    published_messages_have_their_published_digests),
		cmocka_unit_test(million_letters_have_their_published_digest),
		cmocka_unit_test(lengths_round_a_block_are_padded_rightly),
	};

	return RUN_TESTS(tests);
}
