/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_STRV_H
#define BERTH_CORE_STRV_H

/*
 * A vector of strings as exec wants it: NULL-terminated, or NULL when empty.
 * The vector owns its strings.
 */

#include <stddef.h>

#include "core/macros.h"

size_t strv_len(char *const *v);

/*
 * An empty vector whose first `n' strings may be set by index, in order: for
 * those that are too many to be appended one by one.
 */
char **strv_new(size_t n);

/* Append; `text' is taken. */
void strv_give(char ***v, char *text);

/* Append a copy. */
void strv_add(char ***v, const char *text);

char **strv_copy(char *const *v);
void strv_free(char **v);

/* By their bytes. */
void strv_sort(char **v);

/* In a vector of NAME=VALUE: replace or append `pair', which is copied. */
void strv_env_set(char ***v, const char *pair);

/* The value, borrowed from the vector, or NULL. */
const char *strv_env_get(char *const *v, const char *name);

static inline void
auto_strv(char ***v)
{
	strv_free(*v);
}

#define AUTO_STRV __attribute__((cleanup(auto_strv)))

#endif
