/* SPDX-License-Identifier: ISC */

/* The line that vanishes; see status.h. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/text.h"
#include "berth/out/status.h"
#include "berth/out/style.h"
#include "berth/out/width.h"

#define MAX_LINE 1024

static const char erase[] = "\r\033[K";

void
status_init(struct status *status, bool quiet)
{
	const char *term = getenv("TERM");

	*status = (struct status){ .is_able = !quiet && isatty(STDERR_FILENO) &&
					      term && *term &&
					      !str_eq(term, "dumb") };
}

void
status_show(struct status *status, const char *fmt, ...)
{
	AUTO_BUF line = BUF_INIT(MAX_LINE + sizeof(erase));
	char text[MAX_LINE / 4];
	size_t start;
	va_list ap;

	if (!status->is_able)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)buf_adds(&line, erase);
	start = line.len;
	(void)vis_add(&line, text, strlen(text));
	line.len = start + width_fit(buf_text(&line) + start, line.len - start,
				     style_columns(STDERR_FILENO) - 1);
	(void)write_full(STDERR_FILENO, buf_bytes(&line), line.len);
	status->is_shown = true;
}

void
status_clear(struct status *status)
{
	if (!status->is_shown)
		return;
	(void)write_full(STDERR_FILENO, erase, sizeof(erase) - 1);
	status->is_shown = false;
}
