/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_SINK_H
#define BERTH_BERTH_SINK_H

/*
 * A descriptor of ours that output of an exec goes to: as it is, or filtered
 * for a terminal.  Small pieces are collected; flush before waiting.
 *
 * Writing blocks, which is how a slow reader slows the stream.
 */

#include <stddef.h>

#include "core/buf.h"
#include "berth/out/filter.h"

enum sink_mode {
	SINK_RAW,
	SINK_SHOW,   /* every control is made visible */
	SINK_COLOUR, /* colours pass */
};

struct sink {
	int fd;
	enum sink_mode mode;
	struct filter filter;
	struct buf waiting;
	int failed; /* errno of a write; nothing is written after it */
};

void sink_init(struct sink *sink, int fd, enum sink_mode mode);
void sink_fini(struct sink *sink);

void sink_add(struct sink *sink, const void *bytes, size_t n);
void sink_flush(struct sink *sink);

/* No more bytes: what the filter keeps back is shown, and all flushed. */
void sink_end(struct sink *sink);

#endif
