/* SPDX-License-Identifier: ISC */

/* The env file of a login: taken, or refused with file and line. */

#include <string.h>

#include "berthd/login/env_file.h"
#include "core/strv.h"
#include "core/text.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env_file file;
	struct err err = ERR_INIT;

	if (env_file_init(&file, &err) < 0)
		return 0;
	if (env_file_decode(&file, "f", (const char *)data, size, &err) < 0) {
		assert(err.code == ERR_CONFIG);
		assert(str_starts(err.msg, "f:"));
		assert(err.msg[2] >= '1' && err.msg[2] <= '9');
	} else {
		assert(env_file_check_name(file.session, &err) == 0);
		assert(file.workspace[0] == '/');
		assert(strv_env_get(file.env, "LD_PRELOAD") == NULL);
	}
	env_file_fini(&file);
	return 0;
}
