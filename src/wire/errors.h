/* SPDX-License-Identifier: ISC */
#ifndef BERTH_WIRE_ERRORS_H
#define BERTH_WIRE_ERRORS_H

/*
 * How an error looks outside: one row per code with its JSON word, exit status
 * and HTTP status, and the one body in which it travels:
 *
 *	{"error":{"code":"NOT_FOUND","message":"...","retryable":false,
 *	 "hint":"..."},"schema_version":1,"message":"..."}
 *
 * The plain "message" at the top is for clients of codexd.
 */

#include <stdbool.h>

#include "core/err.h"

#define WIRE_SCHEMA_VERSION 1

struct buf;

struct error_row {
	const char *word; /* NOT_FOUND */
	int exit_status;
	unsigned http_status;
	bool retryable;
};

const struct error_row *error_row(enum err_code code);

/* May the same succeed a little later? */
bool error_is_retryable(const struct err *err);

/* Append the body. */
int error_json_add(struct buf *out, const struct err *err);

/*
 * The error in an answer: the body's words if it is one, the status otherwise.
 * Always fills `err' and returns -1.
 */
int error_json_read(unsigned http_status, const void *body, size_t n,
		    struct err *err);

#endif
