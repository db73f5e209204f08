/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_OUT_PROGRESS_H
#define BERTH_BERTH_OUT_PROGRESS_H

/*
 * How far a transfer is: a line on the terminal with a bar, bytes, files, rate
 * and the time that is left, drawn a few times a second.
 */

#include <stddef.h>
#include <stdint.h>

#include "berth/out/status.h"

struct progress_state {
	uint64_t bytes, bytes_total;
	uint64_t files, files_total; /* 0 in all: they are not spoken of */
};

struct progress {
	struct status status;
	uint64_t began_ms, drawn_ms;
	/* The rate, from bytes and time of the last few seconds. */
	uint64_t mark_ms, mark_bytes;
	uint64_t rate; /* bytes per second */
};

void progress_init(struct progress *progress, bool quiet);

/* Draw, if it is time; `now_ms' of a steady clock. */
void progress_show(struct progress *progress,
		   const struct progress_state *state, uint64_t now_ms);
void progress_clear(struct progress *progress);

/* The line itself, into storage of the caller. */
const char *progress_line(char *out, size_t size, unsigned columns,
			  const struct progress_state *state, uint64_t rate);

#endif
