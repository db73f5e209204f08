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

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

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

/*
 * Reading
 *
 * A reader sees what was there at its last refresh, which costs as much as was
 * written since the one before.  Files that do not exist yet read as empty and
 * are opened by a later refresh.  A record that cannot be true (a damaged disk)
 * counts as one of length 0.
 */

struct timeline {
	int dir_fd; /* borrowed */
	int fd, drops_fd;
	int stream_fd[TIMELINE_STREAMS]; /* `out' and `err'; -1: not there */

	uint64_t n;			 /* whole records */
	uint64_t last_ns;		 /* time of the last one; 0: none */
	uint64_t end[TIMELINE_STREAMS];	 /* of each stream's last record */
	uint64_t size[TIMELINE_STREAMS]; /* of each stream's file */

	uint64_t n_drops;
	struct timeline_drop drop[TIMELINE_STREAMS]; /* from == to: none */
};

/* "stdout", "stderr" */
const char *timeline_stream_name(unsigned stream);

/* `dir_fd', the exec's directory, must outlive the reader. */
void timeline_init(struct timeline *t, int dir_fd);
void timeline_fini(struct timeline *t);

/*
 * Look at all files again.  A stream whose file is empty at the first look is
 * not searched for in the records: its `end' is 0 even if bytes of it were
 * lost.
 */
int timeline_refresh(struct timeline *t, struct err *err);

/*
 * Look at the drops only.  Bytes that were read before this call and are not in
 * `drop' after it are as they were written.
 */
int timeline_refresh_drops(struct timeline *t, struct err *err);

/* Read up to `max' records from `index'; the number that is there, or -1. */
int timeline_read(const struct timeline *t, uint64_t index,
		  struct timeline_rec *recs, size_t max, struct err *err);

/* The first record that is not older than `ns', or `n'. */
int timeline_find_time(const struct timeline *t, uint64_t ns,
		       uint64_t *ret_index, struct err *err);

/* The first record of `stream' that ends after `offset', or `n'. */
int timeline_find_offset(const struct timeline *t, unsigned stream,
			 uint64_t offset, uint64_t *ret_index, struct err *err);

/* How many bytes `stream' had produced when record `index' was about to be. */
int timeline_position(const struct timeline *t, unsigned stream, uint64_t index,
		      uint64_t *ret_offset, struct err *err);

#endif
