/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_MEM_H
#define BERTH_CORE_MEM_H

/*
 * Allocation that aborts instead of failing.  A size that comes from a peer is
 * checked against a limit before it gets here.
 */

#include <stddef.h>

#include "core/macros.h"

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t max);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

#endif
