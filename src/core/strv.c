/* SPDX-License-Identifier: ISC */

/* Vectors of strings; see strv.h. */

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/strv.h"

size_t
strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

char **
strv_new(size_t n)
{
	size_t slots = 2;

	while (slots < n + 1)
		slots *= 2;
	return n ? xcalloc(slots, sizeof(char *)) : NULL;
}

void
strv_give(char ***v, char *text)
{
	size_t n = strv_len(*v);

	/* The slots are always a power of two: full when n + 1 is one. */
	if (n == 0 || (n + 1 & n) == 0)
		*v = xrealloc(*v, (n + 1) * 2 * sizeof(**v));
	(*v)[n] = text;
	(*v)[n + 1] = NULL;
}

void
strv_add(char ***v, const char *text)
{
	strv_give(v, xstrdup(text));
}

char **
strv_copy(char *const *v)
{
	size_t n = strv_len(v);
	char **copy = strv_new(n);

	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(v[i]);
	return copy;
}

void
strv_free(char **v)
{
	for (char **p = v; p && *p; p++)
		free(*p);
	free(v);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
strv_sort(char **v)
{
	size_t n = strv_len(v);

	if (n > 1)
		qsort(v, n, sizeof(*v), compare);
}

static size_t
name_len(const char *pair)
{
	return strcspn(pair, "=");
}

void
strv_env_set(char ***v, const char *pair)
{
	size_t n = name_len(pair);

	for (char **p = *v; p && *p; p++) {
		if (name_len(*p) == n && strncmp(*p, pair, n) == 0) {
			free(*p);
			*p = xstrdup(pair);
			return;
		}
	}
	strv_add(v, pair);
}

const char *
strv_env_get(char *const *v, const char *name)
{
	size_t n = strlen(name);

	for (; v && *v; v++) {
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return *v + n + 1;
	}
	return NULL;
}
