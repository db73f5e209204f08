/* SPDX-License-Identifier: ISC */
#ifndef BERTH_BERTH_OUT_WIDTH_H
#define BERTH_BERTH_OUT_WIDTH_H

/*
 * How many columns a text takes on a terminal.
 *
 * East Asian wide characters and emoji take two, combining marks and joiners
 * none; an emoji sequence is as wide as its first member, a pair of regional
 * letters is one flag.  The C library's wcwidth was not taken: it needs a
 * locale to be loaded and counts every member of a sequence.
 */

#include <stddef.h>

/* Of `n' bytes of UTF-8; a broken byte counts one. */
size_t width_of(const char *text, size_t n);

/* The length in bytes of the longest prefix of at most `columns' columns. */
size_t width_fit(const char *text, size_t n, size_t columns);

#endif
