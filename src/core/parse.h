/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_PARSE_H
#define BERTH_CORE_PARSE_H

/*
 * Numbers, sizes and durations from text.  Each takes the whole text or fails
 * with ERR_INVALID and a message that quotes it; nothing is skipped.
 */

#include <stdint.h>

#include "core/err.h"

/* Decimal digits only, within [min, max]. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret,
	      struct err *err);

/* As parse_u64, with an optional minus sign. */
int parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret,
	      struct err *err);

/*
 * "4096", "64K", "10M", "1.5G", "2T"; KiB and KB mean the same 1024.  A
 * fraction of a unit is cut to whole bytes.
 */
int parse_bytes(const char *text, uint64_t *ret, struct err *err);

/* "90" (seconds), "250ms", "10m", "1h30m", "2d" to milliseconds. */
int parse_duration(const char *text, uint64_t *ret_ms, struct err *err);

#endif
