/* SPDX-License-Identifier: ISC */

/*
 * The file of secrets: its header, and the records inside, which are read back
 * as they were or refused.
 */

#include <string.h>

#include "core/text.h"
#include "fuzz/fuzz.h"
#include "secret/sealed.h"
#include "secret/secret.h"
#include "secret/secret_file.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret_file_entries entries;
	struct err err = ERR_INIT;
	enum sealed_key key;

	if (sealed_key(data, size, &key, &err) < 0)
		assert(err.code == ERR_CONFIG || err.code == ERR_UNSUPPORTED);
	if (secret_file_decode(data, size, &entries, &err) < 0) {
		assert(str_starts(err.msg, "is damaged"));
	} else {
		AUTO_SECRET *again = secret_file_encode(&entries);

		assert(secret_len(again) == size);
		assert(memcmp(secret_reveal(again), data, size) == 0);
	}
	secret_file_entries_fini(&entries);
	return 0;
}
