/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_TEXT_EDIT_H
#define BERTH_MACHINE_TEXT_EDIT_H

/*
 * Small changes in the text of a configuration that a person wrote: what is
 * not changed keeps its place, its comments and its looks.
 *
 * Only block style is understood; what is written in braces, or in another way
 * that a line cannot be put into, is refused with ERR_UNSUPPORTED.  The caller
 * reads the result again and compares before it believes it.
 */

#include <stddef.h>

#include "core/err.h"

struct buf;

/* A key, as "port" or "retry.limit", and its value; NULL: without one. */
struct text_edit_change {
	const char *key;
	const char *value;
};

/* Replace `text', the content of file `name'. */
int text_edit_add(struct buf *text, const char *name,
		  const struct text_edit_change *changes, size_t n,
		  struct err *err);
int text_edit_set(struct buf *text, const char *name, size_t item,
		  const struct text_edit_change *change, struct err *err);
int text_edit_remove(struct buf *text, const char *name, size_t item,
		     struct err *err);

/* The value as YAML: plain where that is safe, quoted where it is not. */
int text_edit_scalar(struct buf *out, const char *value);

#endif
