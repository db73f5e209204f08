/* SPDX-License-Identifier: ISC */

/*
 * An audit log from elsewhere: followed to its end or to the first line that
 * is wrong.  Keys from sshd are read here as well: both are bytes that root
 * may have got from somebody.
 */

#include <string.h>

#include "berthd/login/audit.h"
#include "berthd/login/key.h"
#include "core/mem.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	struct audit_verdict verdict;
	struct err err = ERR_INIT;
	struct key key;
	uint64_t lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	audit_verify_text((const char *)data, size, &verdict);
	assert(verdict.line <= lines && verdict.n <= lines);
	assert((verdict.line == 0) == (verdict.why[0] == '\0'));
	if (key_decode(&key, text, &err) == 0) {
		key_find_comment(&key, text);
		key_fini(&key);
	}
	return 0;
}
