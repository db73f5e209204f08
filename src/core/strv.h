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

/* Append; `text' is taken. */
void strv_give(char ***v, char *text);

/* Append a copy. */
void strv_add(char ***v, const char *text);

char **strv_copy(char *const *v);
void strv_free(char **v);

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
