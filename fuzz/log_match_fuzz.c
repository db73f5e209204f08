/* SPDX-License-Identifier: ISC */

/*
 * Expressions: whatever passes the measure is compiled and matched in bounded
 * time and memory.  The pattern ends at the first line end, the line follows.
 */

#include <string.h>

#include "berthd/exec/log_match.h"
#include "core/mem.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t len = end ? (size_t)(end - data) : size;
	AUTO_FREE char *pattern = xstrndup((const char *)data, len);
	struct err err = ERR_INIT;
	struct log_match *match = log_match_new(pattern, true, &err);

	if (match && end)
		log_match_line(match, end + 1, size - len - 1);
	log_match_free(match);
	return 0;
}
