/* SPDX-License-Identifier: ISC */

/* The output of an exec as an answer; see exec_log.h.  Not served yet. */

#include "berthd/exec/exec_log.h"
#include "berthd/reply.h"
#include "core/err.h"
#include "core/macros.h"

void
exec_log_serve(struct uv_loop_s *loop UNUSED, struct exec *exec UNUSED,
	       struct http_exchange *x, const struct log_query *query UNUSED)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_UNSUPPORTED, "output cannot be read yet");
	reply_error(x, &err);
}

void
exec_log_forget(struct exec *exec UNUSED)
{
}
