/* SPDX-License-Identifier: ISC */

/*
 * Control sequences: stripping only takes away, in order; it does the same
 * however the text is split; what is left holds no escape, and is left alone by
 * a second time; and no line end is lost.
 */

#include <assert.h>
#include <string.h>

#include "berthd/exec/log_ansi.h"
#include "core/mem.h"
#include "fuzz/fuzz.h"

static void
check_is_part(const uint8_t *part, size_t n, const uint8_t *whole, size_t size)
{
	size_t at = 0, ends = 0;

	for (size_t i = 0; i < size; i++) {
		if (at < n && part[at] == whole[i])
			at++;
		ends += whole[i] == '\n';
	}
	assert(at == n);
	for (size_t i = 0; i < n; i++)
		ends -= part[i] == '\n';
	assert(ends == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE uint8_t *once = xmalloc(size + 1);
	AUTO_FREE uint8_t *split = xmalloc(size + 1);
	enum log_ansi state = LOG_ANSI_TEXT;
	size_t n, m = 0;

	memcpy(once, data, size);
	n = log_ansi_strip(&state, once, size);
	check_is_part(once, n, data, size);
	assert(memchr(once, 0x1b, n) == NULL);

	state = LOG_ANSI_TEXT;
	for (size_t i = 0; i < size; i++) {
		split[m] = data[i];
		m += log_ansi_strip(&state, split + m, 1);
	}
	assert(m == n && memcmp(split, once, n) == 0);

	state = LOG_ANSI_TEXT;
	assert(log_ansi_strip(&state, once, n) == n);
	return 0;
}
