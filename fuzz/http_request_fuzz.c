/* SPDX-License-Identifier: ISC */

/*
 * Requests: whatever the bytes are, and however they are cut, the parser says
 * the same, and what it lets pass keeps the promises of head.h.
 */

#include "fuzz/fuzz.h"
#include "fuzz/http_message.h"

#define LOG_MAX (64u << 20)

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	AUTO_BUF whole = BUF_INIT(LOG_MAX), parts = BUF_INIT(LOG_MAX);
	size_t step = n > 0 ? 1 + bytes[n - 1] % 16 : 1;

	http_message_read(PARSER_REQUEST, false, bytes, n, SIZE_MAX, &whole);
	http_message_read(PARSER_REQUEST, false, bytes, n, step, &parts);
	http_message_compare(&whole, &parts);
	return 0;
}
