/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_CAPTURE_H
#define BERTHD_EXEC_CAPTURE_H

/*
 * From the command's pipes to the exec's files: every byte once, with its time
 * (berthd/exec/timeline.h says in which form).
 *
 * The command is never made to wait for a reader, and never sees an error of
 * the disk: what cannot be stored is read all the same, counted, and recorded
 * as LOST.  A log beyond its cap loses its middle: the first eighth of the cap
 * stays, the newest output stays, what lies between is released and noted in
 * `drops'.
 *
 * One owner, the holder; no callbacks: the owner polls the descriptors that
 * capture_fd gives and calls capture_read when they are readable.
 */

#include <stdbool.h>
#include <stdint.h>

#include "berthd/exec/timeline.h"
#include "core/clock.h"
#include "core/err.h"

/* Records waiting for the disk; then neighbours are merged. */
#define CAPTURE_MAX_PENDING 256

struct capture_stream {
	int in_fd; /* pipe or terminal; -1: ended */
	int file_fd;
	uint64_t size;	  /* bytes the stream has produced */
	uint64_t dropped; /* end of the released range; 0: none */
};

struct capture {
	struct capture_stream streams[TIMELINE_STREAMS];
	int dir_fd; /* borrowed */
	int timeline_fd, drops_fd;
	struct clock_base clock;
	uint64_t last_ns;
	uint64_t cap;	   /* per stream; 0: none */
	bool cannot_punch; /* this file system keeps what it has */
	uint64_t lost;
	/* Records not yet on disk; the last may still grow. */
	struct timeline_rec pending[CAPTURE_MAX_PENDING];
	unsigned n_pending;
};

/*
 * Create the timeline in `dir_fd', which is borrowed; `out' and `err' follow
 * with their first byte.  A cap counts as 64 KiB at
 * least; 0: none.
 */
int capture_open(struct capture *capture, int dir_fd, uint64_t cap,
		 const struct clock_base *clock, struct err *err);
void capture_close(struct capture *capture);

/* Read from `fd', which is taken and made non-blocking. */
void capture_attach(struct capture *capture, enum timeline_stream stream,
		    int fd);

/* The descriptor to poll for reading, or -1 when the stream has ended. */
int capture_fd(const struct capture *capture, enum timeline_stream stream);
bool capture_is_open(const struct capture *capture);

/*
 * Store what is there, at most `max' bytes.  True: there may be more at once.
 */
bool capture_read(struct capture *capture, enum timeline_stream stream,
		  uint64_t max);

/* Store what the pipes hold now; writers that go on do not prolong this. */
void capture_drain(struct capture *capture);

/* Write the records; to be called before sleeping.  False: the disk refuses. */
bool capture_flush(struct capture *capture);

/* Give the buffer's pages back to the system while nothing comes. */
void capture_idle(void);

/* On disk, whatever happens to the machine. */
void capture_sync(struct capture *capture);

#endif
