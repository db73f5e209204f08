/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_STREAM_H
#define BERTHD_EXEC_LOG_STREAM_H

/*
 * A log as the answer to a request.
 *
 * The answer takes care of itself from here on: it reads as fast as the client
 * takes it, follows while the exec lives, and goes away with the exchange.  It
 * keeps offsets, not bytes: a slow client costs nothing but time.
 *
 * Berth-Exec-Status says running or finished.  text and raw say more, of which
 * the ranges are half open, and name the stream when both are asked for:
 *
 *	Berth-Stream-Size: 5000		Berth-Stream-Size: stdout=5000, stderr=0
 *	Berth-Range: 3000-5000		"3000-" while following
 *	Berth-Gaps: 3100-3200(dropped), ...
 *
 * A gap is disk_full (never stored), dropped (the log reached its cap), or
 * missing (lost with the machine).  Where there are too many for a header,
 * "..." stands for the others.
 */

#include "berthd/exec/log_source.h"

struct http_exchange;
struct log_query;

/*
 * Answer `x', in any case: what cannot be answered is an error of the table.
 * The exchange is owned by the answer from now on.  `src' is borrowed until it
 * is finished; `query' is read during the call only.
 */
void log_stream_start(struct http_exchange *x, struct log_source *src,
		      const struct log_query *query, struct uv_loop_s *loop);

#endif
