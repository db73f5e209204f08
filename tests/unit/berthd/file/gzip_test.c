/* SPDX-License-Identifier: ISC */

#include "berthd/file/gzip.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "core/mem.h"

/* "hello\n" by gzip -n. */
static const uint8_t hello[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00,
				 0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd, 0xc9,
				 0xc9, 0xe7, 0x02, 0x00, 0x20, 0x30, 0x3a,
				 0x36, 0x06, 0x00, 0x00, 0x00 };

/* Unpack all in pieces of `in_piece' and `out_piece' bytes. */
static int
unpack(const uint8_t *in, size_t n, size_t in_piece, size_t out_piece,
       struct buf *out, bool *ret_complete, struct err *err)
{
	struct gunzip *gunzip = gunzip_new();
	AUTO_FREE uint8_t *room = xmalloc(out_piece);
	ssize_t got = 0;

	while (n > 0 && got >= 0) {
		size_t piece = MIN(n, in_piece), left = piece;

		do {
			got = gunzip_read(gunzip, &in, &left, room, out_piece,
					  err);
			if (got > 0)
				assert_int_equal(
				    buf_add(out, room, (size_t)got), 0);
		} while (got == (ssize_t)out_piece);
		if (got >= 0)
			assert_int_equal(left, 0);
		n -= piece;
	}
	*ret_complete = gunzip_is_complete(gunzip);
	gunzip_free(gunzip);
	return got < 0 ? -1 : 0;
}

static void
what_gzip_packed_is_unpacked_in_any_pieces(void **state UNUSED)
{
	for (size_t in = 1; in <= sizeof(hello); in++) {
		for (size_t out = 1; out < 9; out++) {
			AUTO_BUF text = BUF_INIT(100);
			struct err err = ERR_INIT;
			bool is_complete;

			assert_int_equal(unpack(hello, sizeof(hello), in, out,
						&text, &is_complete, &err),
					 0);
			assert_true(is_complete);
			assert_string_equal(buf_text(&text), "hello\n");
		}
	}
}

static void
what_is_packed_here_is_unpacked_again(void **state UNUSED)
{
	const size_t size = 1 << 20;
	AUTO_FREE uint8_t *bytes = xmalloc(size);
	AUTO_BUF packed = BUF_INIT(4 * size), unpacked = BUF_INIT(size);
	struct gzip *gzip = gzip_new();
	struct err err = ERR_INIT;
	bool is_complete;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)unit_below(i < size / 2 ? 256 : 2);
	for (size_t at = 0, n; at < size; at += n) {
		n = unit_below(70000);
		n = MIN(n, size - at);
		assert_int_equal(gzip_add(gzip, bytes + at, n, &packed), 0);
	}
	assert_int_equal(gzip_end(gzip, &packed), 0);
	gzip_free(gzip);
	assert_int_equal(unpack(buf_bytes(&packed), packed.len, 30000, 65536,
				&unpacked, &is_complete, &err),
			 0);
	assert_true(is_complete);
	assert_int_equal(unpacked.len, size);
	assert_memory_equal(buf_bytes(&unpacked), bytes, size);
}

/* Noise, text and noise again: each stretch is packed as it deserves. */
static void
noise_is_stored_and_text_is_packed(void **state UNUSED)
{
	const size_t size = 24 << 20, text_at = 6 << 20, noise_at = 18 << 20;
	AUTO_FREE uint8_t *bytes = xmalloc(size);
	AUTO_BUF packed = BUF_INIT(2 * size), unpacked = BUF_INIT(size);
	struct gzip *gzip = gzip_new();
	struct err err = ERR_INIT;
	bool is_complete;

	for (size_t i = 0; i < size; i += 8) {
		uint64_t random = unit_random();

		if (i >= text_at && i < noise_at)
			random = 0x0a74786574796e61;
		memcpy(bytes + i, &random, 8);
	}
	for (size_t at = 0; at < size; at += 65536)
		assert_int_equal(gzip_add(gzip, bytes + at, 65536, &packed), 0);
	assert_int_equal(gzip_end(gzip, &packed), 0);
	gzip_free(gzip);
	assert_true(packed.len > size / 2);
	assert_true(packed.len < size / 2 + (5 << 20));
	assert_int_equal(unpack(buf_bytes(&packed), packed.len, 100000, 65536,
				&unpacked, &is_complete, &err),
			 0);
	assert_int_equal(unpacked.len, size);
	assert_memory_equal(buf_bytes(&unpacked), bytes, size);
}

static void
several_members_are_one_stream(void **state UNUSED)
{
	uint8_t twice[2 * sizeof(hello)];
	AUTO_BUF text = BUF_INIT(100);
	struct err err = ERR_INIT;
	bool is_complete;

	memcpy(twice, hello, sizeof(hello));
	memcpy(twice + sizeof(hello), hello, sizeof(hello));
	assert_int_equal(
	    unpack(twice, sizeof(twice), 7, 5, &text, &is_complete, &err), 0);
	assert_string_equal(buf_text(&text), "hello\nhello\n");
	assert_true(is_complete);
}

static void
a_stream_cut_anywhere_is_incomplete(void **state UNUSED)
{
	for (size_t n = 0; n < sizeof(hello); n++) {
		AUTO_BUF text = BUF_INIT(100);
		struct err err = ERR_INIT;
		bool is_complete;

		assert_int_equal(
		    unpack(hello, n, 100, 100, &text, &is_complete, &err), 0);
		assert_false(is_complete);
	}
}

static void
damage_is_found(void **state UNUSED)
{
	/* Magic, method, data, checksum, length. */
	static const size_t places[] = { 0, 1, 2, 12, 19, 23 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint8_t bad[sizeof(hello)];
		AUTO_BUF text = BUF_INIT(100);
		struct err err = ERR_INIT;
		bool is_complete;

		memcpy(bad, hello, sizeof(bad));
		bad[places[i]] ^= 0x40;
		assert_int_equal(unpack(bad, sizeof(bad), 100, 100, &text,
					&is_complete, &err),
				 -1);
		assert_err(err, ERR_INVALID, "invalid gzip: ");
	}
}

static void
garbage_after_the_end_is_found(void **state UNUSED)
{
	uint8_t bad[sizeof(hello) + 3];
	AUTO_BUF text = BUF_INIT(100);
	struct err err = ERR_INIT;
	bool is_complete;

	memset(bad, 'x', sizeof(bad));
	memcpy(bad, hello, sizeof(hello));
	assert_int_equal(
	    unpack(bad, sizeof(bad), 100, 100, &text, &is_complete, &err), -1);
}

static void
output_that_does_not_fit_is_an_error(void **state UNUSED)
{
	AUTO_BUF small = BUF_INIT(10);
	struct gzip *gzip = gzip_new();

	assert_int_equal(gzip_end(gzip, &small), -1);
	gzip_free(gzip);
	gzip_free(NULL);
	gunzip_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_gzip_packed_is_unpacked_in_any_pieces),
		cmocka_unit_test(what_is_packed_here_is_unpacked_again),
		cmocka_unit_test(noise_is_stored_and_text_is_packed),
		cmocka_unit_test(several_members_are_one_stream),
		cmocka_unit_test(a_stream_cut_anywhere_is_incomplete),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(garbage_after_the_end_is_found),
		cmocka_unit_test(output_that_does_not_fit_is_an_error),
	};

	return RUN_TESTS(tests);
}
