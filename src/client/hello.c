/* SPDX-License-Identifier: ISC */

/* Who the daemon is; see hello.h. */

#include "core/json.h"
#include "core/strv.h"
#include "client/client.h"
#include "client/hello.h"

static const struct json_field fields[] = {
	JSON_F(struct hello, version, STR, true),
	JSON_F(struct hello, api, INT, true),
	JSON_F(struct hello, pid, INT, false),
	JSON_F(struct hello, uid, INT, false),
	JSON_F(struct hello, host_id, STR, false),
	JSON_F(struct hello, started_at, STR, false),
	JSON_F(struct hello, capabilities, STRS, false),
};

int
hello_ask(struct client *client, struct buf *answer, struct hello *ret,
	  struct err *err)
{
	if (client_get(client, "/v1/hello", answer, err) < 0)
		return -1;
	if (json_decode_text(buf_bytes(answer), answer->len, fields,
			     ARRAY_SIZE(fields), JSON_UNKNOWN_OK, ret,
			     err) == 0)
		return 0;
	err->code = ERR_PROTO;
	return err_wrap(err, "answer of the daemon");
}

void
hello_fini(struct hello *hello)
{
	json_fields_fini(fields, ARRAY_SIZE(fields), hello);
}
