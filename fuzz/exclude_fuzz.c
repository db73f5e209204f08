/* SPDX-License-Identifier: ISC */

/*
 * Patterns of names: a path before the first line end, patterns after it.  None
 * reads outside of them, and none takes for ever.
 */

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/strv.h"
#include "client/file/exclude.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	AUTO_STRV char **patterns = NULL;
	char *rest = text, *path = strsep(&rest, "\n"), *line;
	struct err err = ERR_INIT;
	struct exclude *exclude;

	while ((line = strsep(&rest, "\n")) != NULL)
		strv_add(&patterns, line);
	exclude = exclude_new(patterns, &err);
	if (exclude == NULL)
		return 0;
	(void)exclude_has(exclude, path, false);
	(void)exclude_has(exclude, path, true);
	exclude_free(exclude);
	return 0;
}
