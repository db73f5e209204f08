/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_OUT_FILTER_H
#define BERTH_BERTH_OUT_FILTER_H

/*
 * Output of commands on its way to a terminal, made harmless.
 *
 * SHOW makes every control visible as vis does.  COLOUR lets through what
 * decorates a line and no more: colours (SGR), erasing to the end of the line,
 * carriage return and backspace.  Everything that could move text elsewhere,
 * set titles or clipboards, or ask the terminal to answer is shown instead.
 *
 * Characters and sequences may be split between pieces in any way.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum filter_mode { FILTER_SHOW, FILTER_COLOUR };

/* A longer sequence is none that may pass. */
#define FILTER_PENDING 48

struct filter {
	enum filter_mode mode;
	uint8_t pending[FILTER_PENDING]; /* the begin of something */
	size_t n_pending;
	bool has_colour; /* a colour is on that must be ended */
};

void filter_init(struct filter *filter, enum filter_mode mode);

/* Append what may be shown of `bytes'. */
void filter_add(struct filter *filter, const void *bytes, size_t n,
		struct buf *out);

/* No more bytes: append what was begun, and the end of a colour. */
void filter_end(struct filter *filter, struct buf *out);

#endif
