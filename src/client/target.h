/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_TARGET_H
#define BERTH_CLIENT_TARGET_H

/*
 * The target of a request: a path and its query, put together safely.
 *
 *	AUTO_BUF target = BUF_INIT(TARGET_MAX);
 *	target_path(&target, "/v1/exec/", id, "/logs");
 *	target_add(&target, "stream", "both");
 */

#include <stdint.h>

#include "core/buf.h"

#define TARGET_MAX (16u << 10)

/* `segment' is encoded; `after' may be NULL. */
void target_path(struct buf *target, const char *before, const char *segment,
		 const char *after);

/* A NULL value is left out. */
void target_add(struct buf *target, const char *name, const char *value);
void target_add_number(struct buf *target, const char *name, uint64_t value);

#endif
