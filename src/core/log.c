/* SPDX-License-Identifier: ISC */

/*
 * The log; see log.h.  A line is one write(2), so lines of several processes
 * in one file do not mix.  A log that cannot be written is dropped: there is
 * nobody left to tell.
 */

#include <stdbool.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"

#define MAX_LINE 4096
#define MAX_VALUE 512

static struct {
	int fd;
	enum log_level max;
} sink = { .fd = STDERR_FILENO, .max = LOG_LVL_WARN };

static const char *const level_names[] = {
	[LOG_LVL_ERROR] = "error",
	[LOG_LVL_WARN] = "warn",
	[LOG_LVL_INFO] = "info",
	[LOG_LVL_DEBUG] = "debug",
};

void
log_init(int fd, enum log_level max)
{
	sink.fd = fd;
	sink.max = max;
}

enum log_level
log_max_level(void)
{
	return sink.max;
}

static void
add_value(struct buf *line, const char *text)
{
	AUTO_BUF safe = BUF_INIT(MAX_VALUE);

	(void)vis_add(&safe, text, strlen(text));
	if (safe.len > 0 && strpbrk(buf_text(&safe), " \t\n\"=") == NULL) {
		(void)buf_adds(line, buf_text(&safe));
		return;
	}
	(void)buf_addc(line, '"');
	for (const char *p = buf_text(&safe); *p; p++) {
		if (*p == '\n') {
			(void)buf_adds(line, "\\n");
			continue;
		}
		if (*p == '"' || *p == '\\')
			(void)buf_addc(line, '\\');
		(void)buf_addc(line, *p);
	}
	(void)buf_addc(line, '"');
}

void
log_write(enum log_level level, const char *area, const char *text,
	  const struct log_kv *kv)
{
	AUTO_BUF line = BUF_INIT(MAX_LINE - 1);
	char now[RFC3339_SIZE];

	(void)buf_addf(
	    &line, "%s %s %s: %s",
	    rfc3339_format(now, clock_wall_ns() / NS_PER_MS * NS_PER_MS),
	    level_names[level], area, text);
	for (; kv->key; kv++) {
		(void)buf_addf(&line, " %s=", kv->key);
		if (kv->text)
			add_value(&line, kv->text);
		else
			(void)buf_addf(&line, "%lld", (long long)kv->number);
	}
	/* Room that nothing else could take. */
	line.max = MAX_LINE;
	(void)buf_addc(&line, '\n');
	if (write(sink.fd, buf_bytes(&line), line.len) < 0)
		return;
}
