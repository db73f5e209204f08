/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_QUERY_H
#define BERTHD_FILE_QUERY_H

/*
 * The parameters of berth's own file routes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct http_exchange;

/*
 * A path, absolute, with "~" put in; the caller frees.  ERR_INVALID if it is
 * missing or relative.
 */
char *query_path(struct http_exchange *x, const char *name, struct err *err);

/* "true", "1" or nothing behind the name; false if it is absent. */
bool query_flag(struct http_exchange *x, const char *name);

/* A number, or `fallback' if it is absent. */
int query_number(struct http_exchange *x, const char *name, uint64_t fallback,
		 uint64_t *ret, struct err *err);

/*
 * A time in nanoseconds, below zero before 1970.  *ret_given: is there one?
 */
int query_time(struct http_exchange *x, const char *name, bool *ret_given,
	       int64_t *ret_ns, struct err *err);

/* Octal permission bits without setuid and its like, or -1 if absent. */
int query_mode(struct http_exchange *x, int *ret, struct err *err);

#endif
