/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_OUT_STYLE_H
#define BERTH_BERTH_OUT_STYLE_H

/*
 * Colour, where it is wanted: on a terminal that is not dumb, unless NO_COLOR
 * is set; everywhere if CLICOLOR_FORCE is.
 */

#include <stdbool.h>

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_RED,
	STYLE_GREEN,
	STYLE_YELLOW,
	STYLE_BLUE,
};

/* Is colour wanted on this descriptor? */
bool style_wanted(int fd);

/* The sequence that begins a style, or ""; and the one that ends any. */
const char *style_begin(bool wanted, enum style style);
const char *style_end(bool wanted, enum style style);

/* The columns of the terminal at `fd', or COLUMNS; 0: not a terminal. */
unsigned style_columns(int fd);

#endif
