/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_LOOKUP_H
#define BERTH_LINK_LOOKUP_H

/*
 * The addresses of a host, by `getent': the resolver of libc waits, so it may
 * do that in another process only.
 */

#include "core/err.h"

struct lookup;
struct uv_loop_s;

/*
 * Once, from the loop: numeric addresses, borrowed, the best one first; or why
 * there are none (ERR_UNREACHABLE).  It may free the lookup.
 */
typedef void lookup_done_fn(char *const *addresses, const struct err *why,
			    void *owner);

/* ERR_NOT_FOUND: there is no getent. */
struct lookup *lookup_new(struct uv_loop_s *loop, const char *host,
			  lookup_done_fn *done, void *owner, struct err *err);

/* Nothing is told any more.  NULL is allowed. */
void lookup_free(struct lookup *lookup);

#endif
