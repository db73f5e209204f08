/* SPDX-License-Identifier: ISC */

/*
 * Answers, to HEAD or to other requests, as the first byte says: however they
 * are cut, the parser says the same.
 */

#include "fuzz/fuzz.h"
#include "fuzz/http_message.h"

#define LOG_MAX (64u << 20)

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	AUTO_BUF whole = BUF_INIT(LOG_MAX), parts = BUF_INIT(LOG_MAX);
	bool no_body;
	size_t step;

	if (n == 0)
		return 0;
	no_body = bytes[0] & 1;
	step = 1 + bytes[0] / 16;
	http_message_read(PARSER_RESPONSE, no_body, bytes + 1, n - 1, SIZE_MAX,
			  &whole);
	http_message_read(PARSER_RESPONSE, no_body, bytes + 1, n - 1, step,
			  &parts);
	http_message_compare(&whole, &parts);
	return 0;
}
