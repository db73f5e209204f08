/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_RANGE_H
#define BERTHD_EXEC_LOG_RANGE_H

/*
 * Which bytes of a log a query means.
 *
 * The answer is a range of each stream and the entry to begin with.  Finding it
 * may mean to read much (the last million lines), so a finder does it in steps
 * that cost a few milliseconds each.
 *
 * Where lines are wanted, not bytes, each stream is cut to whole ones.  What
 * time bounds begins with the line to which the first byte in time belongs, and
 * ends after the last line that was complete in time.  A tail in bytes loses
 * its first line, as it does in codexd, for most likely that is part of one; a
 * head in bytes loses the part at its end.  An offset is exact always.
 *
 * Of two streams together, the last N bytes or lines are those that came last.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "berthd/exec/log_files.h"
#include "berthd/exec/log_query.h"

struct log_range {
	uint64_t first;			 /* entry to begin with */
	uint64_t from[TIMELINE_STREAMS]; /* the bytes [from, to) */
	uint64_t to[TIMELINE_STREAMS];	 /* never below `from' */
};

struct log_finder {
	const struct log_view *view;
	const struct log_query *query;
	struct log_range range;

	/* Private: where the search stands. */
	unsigned step;
	int64_t budget;	    /* bytes this step may still read */
	unsigned is_cut;    /* ends that are at whole lines already */
	unsigned trimmed;   /* streams that the last step is done with */
	uint64_t low, high; /* entries of the walk: [low, high) */
	uint64_t entry;	    /* the next one */
	uint64_t left;	    /* bytes or lines still wanted */
	unsigned chosen;    /* streams of which a line counted */
	uint64_t at[TIMELINE_STREAMS]; /* how far the walk got */
	bool is_inside; /* it stands at `pos' of a piece up to `edge' */
	unsigned stream;
	uint64_t pos, edge;
};

/* Both are borrowed and stay as they are until the search is over. */
void log_finder_init(struct log_finder *f, const struct log_view *view,
		     const struct log_query *query);

/* 1: `range' is found; 0: call again; or -1. */
int log_finder_step(struct log_finder *f, struct err *err);

#endif
