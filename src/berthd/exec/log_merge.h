/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_MERGE_H
#define BERTHD_EXEC_LOG_MERGE_H

/*
 * One sequence of pieces out of the two streams of a log, in the order of time.
 *
 * A piece is a run of bytes of one stream, or a gap: bytes that are missing,
 * which are never read as the zeros that stand in their place.  A piece stays
 * the next one until it is consumed, wholly or in part; so whoever takes pieces
 * may stop anywhere and go on later, and a merge is a few numbers to keep.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "berthd/exec/log_files.h"

struct log_piece {
	unsigned stream;
	uint64_t offset, length;
	uint64_t time_ns;   /* of its first entry */
	const char *reason; /* why the bytes are missing; NULL: they are here */

	/* Private: consumed up to here, it has used up what is before `last'.
	 */
	uint64_t last_end;
	uint64_t last;
};

struct log_merge {
	struct log_view view;
	uint64_t next; /* entry */
	uint64_t until_ns;
	uint64_t pos[TIMELINE_STREAMS]; /* consumed up to here */
	uint64_t to[TIMELINE_STREAMS];	/* at `pos': not wanted at all */
	uint64_t left;			/* bytes that may still be delivered */
	uint64_t join; /* longest piece of joined entries; 0: never join */
};

enum log_merge_result {
	LOG_MERGE_PIECE,
	LOG_MERGE_END,	 /* of the view; a follower waits for a newer one */
	LOG_MERGE_STOP,	 /* of the range */
	LOG_MERGE_AGAIN, /* nothing found yet, but time has passed */
	LOG_MERGE_FAILED = -1,
};

/* Look at the next piece. */
enum log_merge_result log_merge_peek(struct log_merge *m, struct log_piece *ret,
				     struct err *err);

/* `n' bytes of `piece' are done with. */
void log_merge_consume(struct log_merge *m, const struct log_piece *piece,
		       uint64_t n);

#endif
