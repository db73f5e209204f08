/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_BODY_H
#define BERTHD_EXEC_LOG_BODY_H

/*
 * The body of an answer: pieces of a log, sent as the query wants them.
 *
 *	bytes	large pieces as files, small ones gathered
 *	strip	the same through the ANSI filter, so without files
 *	lines	cut to lines: jsonl, grep, codexd's tail_lines
 *	frames	with a header in front of each piece
 *
 * While a holder may drop, stored bytes can turn into a hole at any time, even
 * after they were queued as a piece of a file.  Such a log is copied: the
 * cache looks at the drops after each read.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "berthd/exec/log_lines.h"
#include "berthd/exec/log_merge.h"

struct buf;
struct http_exchange;
struct log_body;
struct log_query;

enum log_frame {
	LOG_FRAME_STDOUT = 1,
	LOG_FRAME_STDERR,
	LOG_FRAME_GAP,
	LOG_FRAME_STARTED,
	LOG_FRAME_FINISHED,
	LOG_FRAME_KEEPALIVE,
};

#define LOG_FRAME_HEADER 16

/* No piece makes a longer frame; a result may. */
#define LOG_FRAME_MAX (1u << 20)

/* Room that a step needs in `out'. */
#define LOG_BODY_OUT_MAX (2 * LOG_LINES_OUT_MAX)

enum log_body_result {
	LOG_BODY_FAILED = -1,
	LOG_BODY_MORE, /* there is more at once */
	LOG_BODY_END,  /* of the view; see log_merge_peek */
	LOG_BODY_STOP, /* of the range */
};

typedef int log_sink_fn(struct log_body *body, const struct log_piece *piece,
			struct buf *out, struct err *err);

struct log_body {
	struct http_exchange *x; /* borrowed */
	struct log_merge merge;	 /* the owner sets view, next, pos and to */
	struct log_lines lines;	 /* `match' is set by the owner */
	log_sink_fn *sink;
	size_t max_feed; /* bytes cut to lines in one step */
	bool by_copy;	 /* never as files */
	bool is_blocked; /* the client takes no more; reset by the owner */
	bool is_stopped; /* the range is over, the log may go on */
};

/* For `query', which is read during the call only. */
void log_body_init(struct log_body *body, struct http_exchange *x,
		   const struct log_query *query);

/* Do the bytes go as they are, so that their number is the body's length? */
bool log_body_is_plain(const struct log_body *body);

/* The next piece.  Small things are gathered in `out', others sent at once. */
enum log_body_result log_body_step(struct log_body *body, struct buf *out,
				   struct err *err);

/* What is left in hand when nothing more comes. */
int log_body_finish(struct log_body *body, struct buf *out, struct err *err);

/* Send what is gathered. */
void log_body_send(struct log_body *body, struct buf *out);

/* Append the header of a frame. */
void log_body_frame(struct buf *out, enum log_frame type, uint64_t length,
		    uint64_t offset);

#endif
