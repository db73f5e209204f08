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

/* Read the file first; ERR_NOT_FOUND if it is not there. */
int yaml_decode_file(const char *path, const struct json_field *fields,
		     size_t n, void *out, struct err *err);

#endif
