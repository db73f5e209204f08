/* SPDX-License-Identifier: ISC */

/*
 * A known_hosts file and a host: adding lines never weakens a verdict, and a
 * key that is revoked at the end is revoked.
 */

#include <string.h>

#include "core/buf.h"
#include "fuzz/fuzz.h"
#include "link/known_hosts.h"

#define KEY "AAAA"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char revoked[] = "\n@revoked * t " KEY "\n";
	AUTO_BUF text = BUF_INIT(SIZE_MAX - 1), types = text;
	struct known_answer answer = { .line = 0 }, again = answer;
	const char *file = (const char *)bytes;
	char host[32] = "h.example";

	if (n > 8 && bytes[0] != '|') {
		memcpy(host, bytes, 8);
		host[8] = '\0';
	}
	known_hosts_check(file, n, host, "t", KEY, &answer);
	again = answer;
	known_hosts_check(file, n, host, "t", KEY, &again);
	assert(again.verdict == answer.verdict && again.line == answer.line);
	assert((answer.line == 0) == (answer.verdict == KNOWN_UNKNOWN));

	known_hosts_types(file, n, host, &types);
	assert(answer.verdict != KNOWN_GOOD || types.len > 0);

	buf_add(&text, bytes, n);
	buf_adds(&text, revoked);
	again = (struct known_answer){ .line = 0 };
	known_hosts_check(buf_text(&text), text.len, host, "t", KEY, &again);
	assert(host[0] == '\0' || again.verdict == KNOWN_REVOKED);
	return 0;
}
