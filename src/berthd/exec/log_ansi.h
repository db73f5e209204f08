/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_ANSI_H
#define BERTHD_EXEC_LOG_ANSI_H

/*
 * Terminal control sequences taken out of text.
 *
 * What goes is what starts with ESC: CSI sequences (colours, cursor), strings
 * (OSC titles and links, DCS, SOS, PM, APC), and short escapes.  Other controls
 * stay, and so do the 8-bit forms, which in UTF-8 are parts of letters.
 *
 * A sequence may be split between calls.  A line end always ends one, so that
 * a broken sequence costs its line at most, never the rest of a log.
 */

#include <stddef.h>
#include <stdint.h>

enum log_ansi {
	LOG_ANSI_TEXT, /* the initial state */
	LOG_ANSI_ESCAPE,
	LOG_ANSI_SHORT, /* ESC and an intermediate: one more to come */
	LOG_ANSI_CSI,
	LOG_ANSI_STRING,
	LOG_ANSI_STRING_ESCAPE, /* ESC within a string: '\' ends it */
	LOG_ANSI_STATES
};

/* Strip `n' bytes in place; the number that is left. */
size_t log_ansi_strip(enum log_ansi *state, uint8_t *bytes, size_t n);

#endif
