/* SPDX-License-Identifier: ISC */
#ifndef BERTH_MACHINE_KEYS_H
#define BERTH_MACHINE_KEYS_H

/*
 * The keys of a machine in the configuration: one table for reading, writing,
 * the manual and completion.
 */

#include <stddef.h>

#include "core/err.h"
#include "core/json.h"

struct jsonw;
struct machine;

/* For the manual: a key as it is written, its value, its default. */
struct keys_row {
	const char *name; /* "retry.limit" */
	const char *value;
	const char *usual;
	const char *help;
};

extern const struct json_field keys_fields[];
extern const size_t keys_n_fields;

extern const struct keys_row keys_rows[];
extern const size_t keys_n_rows;

/*
 * What several keys decide together, after each was read; ERR_CONFIG without
 * the name of the machine.
 */
int keys_finish(struct machine *machine, struct err *err);

/* The machine as an object; a token in clear is shown as "***". */
void keys_add_json(struct jsonw *w, const char *key,
		   const struct machine *machine);

#endif
