/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_LINES_H
#define BERTHD_EXEC_LOG_LINES_H

/*
 * Lines out of the bytes of two streams, chosen and written as they are wanted.
 *
 * No byte is kept here.  What is kept per stream is where the line in hand
 * begins; whoever feeds bytes always begins with that one, says how many of
 * them were fed before, and keeps or reads them again as he likes.  So a line
 * that takes an hour to come costs a follower nothing.
 *
 * A line longer than LOG_LINE_MAX is passed on in parts, which end between
 * letters.  Whether it matches is decided by its first part.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "berthd/exec/log_ansi.h"
#include "berthd/exec/timeline.h"

struct buf;
struct log_match;
struct log_piece;

#define LOG_LINE_MAX (64u << 10)

/* Feeding pauses when that much was written; one event may pass it. */
#define LOG_LINES_ENOUGH (128u << 10)

/* No event is longer: every byte as \u0000, and again as base64. */
#define LOG_LINES_OUT_MAX (LOG_LINES_ENOUGH + 8 * LOG_LINE_MAX)

enum log_lines_kind {
	LOG_LINES_TEXT,	  /* each as it is, with its end */
	LOG_LINES_JOINED, /* "\n" between lines, "\r" before it gone */
	LOG_LINES_JSON,	  /* one event per line */
};

struct log_line_state {
	uint64_t start;	  /* offset of the line in hand, or of its rest */
	uint64_t time_ns; /* when the bytes fed last came */
	bool is_rest;	  /* a part of it was passed on */
	bool is_matched;  /* and matched */
	enum log_ansi ansi;
};

struct log_lines {
	enum log_lines_kind kind;
	bool strip_ansi;
	bool strip_cr; /* one "\r" before the line end */
	bool skip_empty;
	struct log_match *match; /* borrowed; NULL: all lines */
	uint64_t max_bytes;	 /* of lines to pass on, with their ends */

	/* `start' of each is set by the owner. */
	struct log_line_state streams[TIMELINE_STREAMS];

	/* Private. */
	bool is_full; /* max_bytes are reached: nothing more comes */
	bool has_any;
	uint64_t time_ns;
	char time[RFC3339_SIZE + 2]; /* of time_ns, in quotes */
};

struct log_feed {
	unsigned stream;
	const uint8_t *bytes; /* from the start of the line in hand */
	size_t n;
	size_t n_old;	  /* of them were fed before */
	uint64_t time_ns; /* when the new ones came */
};

/* How many of the new bytes are done with: all, unless `out' has enough. */
size_t log_lines_feed(struct log_lines *l, const struct log_feed *feed,
		      struct buf *out);

/*
 * The line in hand, `n' bytes that were all fed before, ends here without a
 * line end.  `is_partial': because no more of it is known.
 */
void log_lines_flush(struct log_lines *l, unsigned stream, const uint8_t *bytes,
		     size_t n, bool is_partial, struct buf *out);

/* Bytes are missing; the line in hand starts behind them. */
void log_lines_gap(struct log_lines *l, const struct log_piece *gap,
		   struct buf *out);

/* {"stream","offset","length","reason"}, with "type" in front if asked. */
void log_lines_gap_json(const struct log_piece *gap, bool with_type,
			struct buf *out);

#endif
