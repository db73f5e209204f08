/* SPDX-License-Identifier: ISC */

/*
 * Control sequences; see log_ansi.h.  The grammar is that of ECMA-48 as
 * terminals read it: bytes that cannot continue a sequence end it.
 */

#include <stdbool.h>
#include <string.h>

#include "berthd/exec/log_ansi.h"

#define ESC 0x1b
#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a

static bool
is_between(uint8_t c, uint8_t first, uint8_t last)
{
	return c >= first && c <= last;
}

static enum log_ansi
after_escape(uint8_t c)
{
	if (c == '[')
		return LOG_ANSI_CSI;
	if (strchr("]PX^_", c))
		return LOG_ANSI_STRING;
	if (is_between(c, 0x20, 0x2f))
		return LOG_ANSI_SHORT;
	return LOG_ANSI_TEXT;
}

/* The state after `c' within a sequence; `*keep': `c' is text after all. */
static enum log_ansi
step(enum log_ansi state, uint8_t c, bool *keep)
{
	*keep = c == '\n';
	if (c == '\n' || c == CAN || c == SUB)
		return LOG_ANSI_TEXT;
	if (c == ESC)
		return state == LOG_ANSI_STRING ? LOG_ANSI_STRING_ESCAPE
						: LOG_ANSI_ESCAPE;
	if (state == LOG_ANSI_STRING)
		return c == BEL ? LOG_ANSI_TEXT : LOG_ANSI_STRING;
	if (state == LOG_ANSI_STRING_ESCAPE && c == '\\')
		return LOG_ANSI_TEXT;

	/* Other controls and letters beyond ASCII are in no sequence. */
	if (c < 0x20 || c >= 0x7f) {
		*keep = true;
		return c < 0x20 ? state : LOG_ANSI_TEXT;
	}
	switch (state) {
	case LOG_ANSI_CSI:
		return is_between(c, 0x40, 0x7e) ? LOG_ANSI_TEXT : state;
	case LOG_ANSI_SHORT:
		return is_between(c, 0x30, 0x7e) ? LOG_ANSI_TEXT : state;
	default:
		return after_escape(c);
	}
}

size_t
log_ansi_strip(enum log_ansi *state, uint8_t *bytes, size_t n)
{
	uint8_t *out = bytes, *in = bytes, *end = bytes + n;

	while (in < end) {
		bool keep;

		if (*state == LOG_ANSI_TEXT) {
			uint8_t *esc = memchr(in, ESC, (size_t)(end - in));
			size_t run = (size_t)((esc ? esc : end) - in);

			if (out != in)
				memmove(out, in, run);
			out += run;
			in += run;
			if (esc == NULL)
				break;
			*state = LOG_ANSI_ESCAPE;
			in++;
			continue;
		}
		*state = step(*state, *in, &keep);
		if (keep)
			*out++ = *in;
		in++;
	}
	return (size_t)(out - bytes);
}
