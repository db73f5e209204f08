/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_ANSWER_H
#define BERTHD_FILE_ANSWER_H

/* The two ends a request can come to. */

#include "core/buf.h"
#include "core/err.h"

struct http_exchange;

/* 200 with a JSON text. */
void answer_json(struct http_exchange *x, const struct buf *body);

/* The status and the body that belong to the error. */
void answer_error(struct http_exchange *x, const struct err *err);

#endif
