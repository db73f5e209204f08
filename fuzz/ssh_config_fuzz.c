/* SPDX-License-Identifier: ISC */

/*
 * ~/.ssh/config, read for its hosts: whatever stands there, each name is one
 * that may stand on a command line, once.
 */

#include <string.h>

#include "core/strv.h"
#include "core/text.h"
#include "fuzz/fuzz.h"
#include "machine/aliases.h"
#include "machine/name.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STRV char **names = NULL;
	AUTO_STRV char **includes = NULL;

	aliases_parse((const char *)data, size, &names, &includes);
	for (char **a = names; a && *a; a++) {
		struct err err = ERR_INIT;

		assert(name_check_machine(*a, &err) == 0);
		for (char **b = names; b < a; b++)
			assert(!str_eq(*a, *b));
	}
	return 0;
}
