/* SPDX-License-Identifier: ISC */

/* Answers; see answer.h. */

#include "http/server.h"
#include "wire/errors.h"
#include "berthd/file/answer.h"

static const char json_type[] = "application/json";

void
answer_json(struct http_exchange *x, const struct buf *body)
{
	http_reply(x, 200, json_type, buf_bytes(body), body->len);
}

void
answer_error(struct http_exchange *x, const struct err *err)
{
	/* Two copies of the message, each byte at most six in JSON. */
	AUTO_BUF body = BUF_INIT(16384);

	(void)error_json_add(&body, err);
	(void)buf_addc(&body, '\n');
	http_reply(x, error_row(err->code)->http_status, json_type,
		   buf_bytes(&body), body.len);
}
