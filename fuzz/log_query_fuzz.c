/* SPDX-License-Identifier: ISC */

/*
 * Parameters of a log request: no query string makes a query that the readers
 * of it do not expect, and an error always names what is wrong.
 */

#include <assert.h>
#include <string.h>

#include "berthd/exec/log_query.h"
#include "core/mem.h"
#include "fuzz/fuzz.h"
#include "http/head.h"

static void
check(const struct log_query *q)
{
	assert(q->format < LOG_FORMATS);
	assert(q->streams >= 1 && q->streams <= 3);
	assert(q->pick <= LOG_PICK_OFFSET);
	assert(memchr(q->grep, '\0', sizeof(q->grep)));
	assert(!q->is_regex || q->grep[0]);
	assert(q->format != LOG_FRAMES || (!q->grep[0] && !q->strip_ansi));
	assert(!q->follow || (q->pick != LOG_PICK_HEAD_BYTES &&
			      q->pick != LOG_PICK_HEAD_LINES));
	for (int i = 0; i < 2; i++)
		assert(q->offset[i] <= INT64_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	struct http_head head = { .query = text };
	struct err err = ERR_INIT;
	struct log_query q;

	/* The server answers this itself. */
	if (http_decode(NULL, text, strlen(text), true) < 0)
		return 0;
	if (log_query_parse(&head, &q, &err) == 0)
		check(&q);
	else
		assert(err.code == ERR_INVALID && err.msg[0]);
	return 0;
}
