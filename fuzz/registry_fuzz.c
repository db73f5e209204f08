/* SPDX-License-Identifier: ISC */

/*
 * The registry: taken or refused in one line; and when it is taken, a machine
 * that is added, changed and removed as text leaves the others as they were, or
 * is refused.
 */

#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "fuzz/fuzz.h"
#include "machine/registry.h"
#include "machine/text_edit.h"

#define NAME "c.yaml"

static void
check_message(const struct err *err)
{
	assert(err->code == ERR_CONFIG);
	assert(str_starts(err->msg, NAME ":"));
	assert(strchr(err->msg, '\n') == NULL);
}

/* What an edit made is YAML of the same machines, or was refused. */
static void
check_edit(const struct registry *before, struct buf *text, int rc, size_t n)
{
	AUTO_REGISTRY after = { .file = NULL };
	struct err err = ERR_INIT;

	if (rc < 0 ||
	    registry_decode(&after, NAME, buf_bytes(text), text->len, &err) < 0)
		return;
	/* Whether it is what was wanted is compared by who writes it. */
	assert(after.n_own <= n + before->n_own);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct text_edit_change changes[] = {
		{ "name", "new" },
		{ "ssh", "host" },
		{ "retry.limit", "3" },
		{ "label", NULL },
	};
	AUTO_REGISTRY registry = { .file = NULL };
	struct err err = ERR_INIT;

	if (registry_decode(&registry, NAME, data, size, &err) < 0) {
		check_message(&err);
		return 0;
	}
	for (int what = 0; what < 6; what++) {
		AUTO_BUF text = BUF_INIT(1u << 20);
		int rc;

		if (buf_add(&text, data, size) < 0)
			return 0;
		if (what == 0)
			rc = text_edit_add(&text, NAME, changes, 2, &err);
		else if (what == 1)
			rc = text_edit_remove(&text, NAME, 0, &err);
		else
			rc = text_edit_set(&text, NAME, 0, &changes[what - 2],
					   &err);
		check_edit(&registry, &text, rc, what == 0);
	}
	return 0;
}
