/* SPDX-License-Identifier: ISC */

#include "core/sha256.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/mem.h"

static void
assert_digest(const char *text, size_t n, const char *wanted)
{
	char hex[SHA256_HEX_SIZE];

	sha256_hex(text, n, hex);
	assert_string_equal(hex, wanted);
}

static void
the_vectors_of_the_standard_hold(void **state UNUSED)
{
	static const char two[] =
	    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

	assert_digest("", 0,
		      "e3b0c44298fc1c149afbf4c8996fb924"
		      "27ae41e4649b934ca495991b7852b855");
	assert_digest("abc", 3,
		      "ba7816bf8f01cfea414140de5dae2223"
		      "b00361a396177a9cb410ff61f20015ad");
	assert_digest(two, strlen(two),
		      "248d6a61d20638b8e5c026930c3e6039"
		      "a33ce45964ff2167f6ecedd419db06c1");
}

static void
a_million_letters_have_their_digest(void **state UNUSED)
{
	AUTO_FREE char *text = xmalloc(1000000);

	memset(text, 'a', 1000000);
	assert_digest(text, 1000000,
		      "cdc76e5c9914fb9281a1c7e284d73e67"
		      "f1809a48a497200e046d39ccc7112cd0");
}

/* The padding changes its shape around 56 and 64 bytes. */
static void
every_length_around_a_block_is_padded_rightly(void **state UNUSED)
{
	static const struct {
		size_t n;
		const char *wanted;
	} rows[] = {
		{ 55, "9f4390f8d30c2dd92ec9f095b65e2b9a"
		      "e9b0a925a5258e241c9f1e910f734318" },
		{ 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f"
		      "590ce20f1bde7090ef7970686ec6738a" },
		{ 63, "7d3e74a05d7db15bce4ad9ec0658ea98"
		      "e3f06eeecf16b4c6fff2da457ddc2f34" },
		{ 64, "ffe054fe7ae0cb6dc65c3af9b61d5209"
		      "f439851db43d0ba5997337df154668eb" },
	};
	char text[64];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_digest(text, rows[i].n, rows[i].wanted);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_standard_hold),
		cmocka_unit_test(a_million_letters_have_their_digest),
		cmocka_unit_test(every_length_around_a_block_is_padded_rightly),
	};

	return RUN_TESTS(tests);
}
