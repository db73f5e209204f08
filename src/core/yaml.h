/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_YAML_H
#define BERTH_CORE_YAML_H

/*
 * Configuration files, YAML or JSON (its subset), decoded by the same tables
 * as JSON, with the line in every message:
 *
 *	config.yaml:12: retention_count: not an integer
 *
 * Refused: duplicate keys, anchors and aliases, tags, several documents,
 * nesting deeper than 32.  Plain scalars are null, true, false, integers or
 * text; quoted ones are text.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

struct json_field;

/*
 * Decode `text' into `out'; `name' is the file's name in messages.  An empty
 * file decodes to the defaults.  Fails with ERR_CONFIG.
 */
int yaml_decode(const char *name, const void *text, size_t len,
		const struct json_field *fields, size_t n, void *out,
		struct err *err);

enum yaml_kind {
	YAML_KIND_SCALAR, /* on one line or more, as flow text has it */
	YAML_KIND_BLOCK,  /* a scalar after "|" or ">" */
	YAML_KIND_FLOW,	  /* [...] or {...} */
	YAML_KIND_MAP,
	YAML_KIND_LIST,
};

/* Where a value stands in the text, in bytes, for those who edit it. */
struct yaml_place {
	char *path; /* "machines[2].port" */
	size_t line;
	size_t key; /* where its key begins; of an item: as `start' */
	size_t start, end;
	enum yaml_kind kind;
};

struct yaml_places {
	struct yaml_place *items; /* in the order of the text */
	size_t n;
};

/*
 * All values of the document `text', which is UTF-8.  What yaml_decode would
 * refuse for its syntax is refused here.  The caller calls yaml_places_fini,
 * also after a failure.
 */
int yaml_find_places(const char *name, const void *text, size_t len,
		     struct yaml_places *ret, struct err *err);
void yaml_places_fini(struct yaml_places *places);

/* Borrowed; NULL if there is no such value. */
const struct yaml_place *yaml_place_find(const struct yaml_places *places,
					 const char *path);

/* Read the file first; ERR_NOT_FOUND if it is not there. */
int yaml_decode_file(const char *path, const struct json_field *fields,
		     size_t n, void *out, struct err *err);

#endif
