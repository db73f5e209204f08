/* SPDX-License-Identifier: ISC */

/* Answers; see reply.h. */

#include "berthd/reply.h"
#include "core/buf.h"
#include "http/server.h"
#include "wire/errors.h"

void
reply_json(struct http_exchange *x, struct buf *json)
{
	struct err err = ERR_INIT;

	if (buf_addc(json, '\n') < 0) {
		err_set(&err, ERR_LIMIT, "the answer is too large");
		reply_error(x, &err);
		return;
	}
	http_reply(x, 200, REPLY_JSON, buf_bytes(json), json->len);
}

void
reply_error(struct http_exchange *x, const struct err *err)
{
	AUTO_BUF text = BUF_INIT(8192);

	/* The messages are shorter than the buffer by construction. */
	(void)error_json_add(&text, err);
	(void)buf_addc(&text, '\n');
	http_reply(x, error_row(err->code)->http_status, REPLY_JSON,
		   buf_bytes(&text), text.len);
}
