/* SPDX-License-Identifier: ISC */

/* Errors that wait for the body; see refusal.h. */

#include "core/mem.h"
#include "http/server.h"
#include "berthd/file/refusal.h"
#include "berthd/reply.h"

/* Beyond this the client may as well see its connection break. */
#define MAX_THROWN (256ull << 20)

void
refusal_make(struct refusal *refusal, const struct err *err)
{
	if (refusal->is_made)
		return;
	refusal->is_made = true;
	refusal->err = *err;
}

void
refusal_take(struct refusal *refusal, struct http_exchange *x, size_t n)
{
	refusal->n_thrown += n;
	if (refusal->is_told || (n > 0 && refusal->n_thrown <= MAX_THROWN))
		return;
	refusal->is_told = true;
	reply_error(x, &refusal->err);
}

static void
on_data(struct http_exchange *x, const void *bytes UNUSED, size_t n,
	void *owner)
{
	refusal_take(owner, x, n);
}

static void
on_gone(struct http_exchange *x UNUSED, void *owner)
{
	free(owner);
}

void
refuse_unread(struct http_exchange *x, const struct err *err)
{
	struct refusal *refusal;

	/* This one asks before it sends. */
	if (http_head_find(http_exchange_head(x), "Expect")) {
		reply_error(x, err);
		return;
	}
	refusal = xcalloc(1, sizeof(*refusal));
	refusal_make(refusal, err);
	http_exchange_own(x, refusal, on_gone);
	http_exchange_read(x, on_data);
}
