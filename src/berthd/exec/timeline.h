/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_TIMELINE_H
#define BERTHD_EXEC_TIMELINE_H

/*
 * The order and time of an exec's output, as fixed-size records in the file
 * `timeline' beside the bytes in `out' and `err'.
 *
 * A byte's offset counts the bytes its stream has produced since the start,
 * and is also its place in the file: bytes that are missing leave a hole, they
 * never move others.  Per stream the DATA and LOST records follow each other
 * without overlap from 0.  The holder appends bytes first and their record
 * second, and never sleeps with a record unwritten; so a reader may trust
 * every record, and bytes beyond the last record (the holder was killed
 * between the two) belong to the end.  A partial record at the end is ignored.
 *
 * Bytes that were stored and dropped again because a log reached its cap are
 * one range per stream, growing at its end, noted in the file `drops' (the
 * last whole record per stream counts) before the bytes are released.
 *
 * Integers are little-endian.
 */

#include <stdint.h>

enum timeline_stream { TIMELINE_OUT, TIMELINE_ERR, TIMELINE_STREAMS };

enum timeline_kind {
	TIMELINE_DATA,
	TIMELINE_LOST, /* never stored: the disk was full */
};

struct timeline_rec {
	uint64_t time_ns; /* wall time, never decreasing within an exec */
	uint64_t offset;
	uint32_t length;
	uint8_t stream;
	uint8_t kind;
	uint8_t zero[2];
};

struct timeline_drop {
	uint64_t from, to;
	uint8_t stream;
	uint8_t zero[7];
};

#define TIMELINE_REC_SIZE 24
#define TIMELINE_DROP_SIZE 24
_Static_assert(sizeof(struct timeline_rec) == TIMELINE_REC_SIZE, "on disk");
_Static_assert(sizeof(struct timeline_drop) == TIMELINE_DROP_SIZE, "on disk");

#endif
