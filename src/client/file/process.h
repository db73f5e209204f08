/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_PROCESS_H
#define BERTH_CLIENT_FILE_PROCESS_H

/*
 * A program of this host at the other end of a stream.
 */

#include "core/err.h"

struct stream;
struct uv_loop_s;

/*
 * Start `argv' with both its ends on the stream; it ends when the stream is
 * closed.  ERR_NOT_FOUND.
 */
struct stream *process_stream(struct uv_loop_s *loop, char *const *argv,
			      struct err *err);

#endif
