/* SPDX-License-Identifier: ISC */

/*
 * Frames of a terminal: fed as a whole or byte by byte they mean the same, and
 * JSON comes whole and below its limit.
 */

#include <assert.h>

#include "fuzz/fuzz.h"
#include "wire/duplex.h"

struct seen {
	uint64_t sum[8];
	size_t n_json;
};

static int
on_frame(unsigned type, const void *bytes, size_t n, void *owner)
{
	struct seen *seen = owner;

	for (size_t i = 0; i < n; i++)
		seen->sum[type % 8] = seen->sum[type % 8] * 31 +
				      ((const uint8_t *)bytes)[i];
	if (type > DUPLEX_STDERR) {
		assert(n <= DUPLEX_MAX_JSON);
		seen->n_json++;
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = { .n_json = 0 }, cut = { .n_json = 0 };
	struct err err = ERR_INIT;
	struct duplex one, other;
	int rc, piece = 0;

	duplex_init(&one, on_frame, &whole);
	duplex_init(&other, on_frame, &cut);
	rc = duplex_feed(&one, data, size, &err);
	for (size_t i = 0; i < size && piece == 0; i++)
		piece = duplex_feed(&other, data + i, 1, &err);
	assert(rc == piece);
	assert(whole.n_json == cut.n_json);
	for (unsigned i = 0; i < 8; i++)
		assert(whole.sum[i] == cut.sum[i]);
	duplex_fini(&one);
	duplex_fini(&other);
	return 0;
}
