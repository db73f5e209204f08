/* SPDX-License-Identifier: ISC */

/*
 * Request targets; see target.h.  One that is too long is cut, which the
 * daemon answers with an error: nothing of ours comes near the limit.
 */

#include <inttypes.h>
#include <string.h>

#include "http/head.h"
#include "client/target.h"

void
target_path(struct buf *target, const char *before, const char *segment,
	    const char *after)
{
	(void)buf_adds(target, before);
	(void)http_encode(target, segment);
	if (after)
		(void)buf_adds(target, after);
}

static void
add_name(struct buf *target, const char *name)
{
	char separator = strchr(buf_text(target), '?') ? '&' : '?';

	(void)buf_addf(target, "%c%s=", separator, name);
}

void
target_add(struct buf *target, const char *name, const char *value)
{
	if (value == NULL)
		return;
	add_name(target, name);
	(void)http_encode(target, value);
}

void
target_add_number(struct buf *target, const char *name, uint64_t value)
{
	add_name(target, name);
	(void)buf_addf(target, "%" PRIu64, value);
}
