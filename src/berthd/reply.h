/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_REPLY_H
#define BERTHD_REPLY_H

/*
 * Answers as every route of berthd gives them.
 */

#include "core/err.h"

struct buf;
struct http_exchange;

#define REPLY_JSON "application/json; charset=utf-8"
#define REPLY_NDJSON "application/x-ndjson; charset=utf-8"
#define REPLY_TEXT "text/plain; charset=utf-8"

/* One JSON object, and a line end after it. */
void reply_json(struct http_exchange *x, struct buf *json);

/* The error body of wire/errors.h with its status. */
void reply_error(struct http_exchange *x, const struct err *err);

#endif
