/* SPDX-License-Identifier: ISC */

/*
 * Errors as values; see err.h.  Messages that do not fit are cut, not lost.
 * They quote what others wrote: a control character in it becomes '?', so that
 * a message is one line wherever it is shown.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"

static int vset(struct err *, enum err_code, int sys, const char *, va_list)
    PRINTF(4, 0);

static void
flatten(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static int
vset(struct err *err, enum err_code code, int sys, const char *fmt, va_list ap)
{
	err->code = code;
	err->is_final = false;
	err->sys = sys;
	err->hint[0] = '\0';
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	flatten(err->msg);
	return -1;
}

int
err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vset(err, code, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_sys(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	size_t used;
	va_list ap;

	va_start(ap, fmt);
	vset(err, ERR_SYSTEM, saved, fmt, ap);
	va_end(ap);
	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof(err->msg) - used, ": %s",
		 strerror(saved));
	errno = saved;
	return -1;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	size_t used;
	va_list ap;

	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	flatten(err->msg);
	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", inner);
	return -1;
}

int
err_hint(struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	flatten(err->hint);
	return -1;
}
