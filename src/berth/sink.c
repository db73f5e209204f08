/* SPDX-License-Identifier: ISC */

/* Where output goes; see sink.h. */

#include <errno.h>

#include "core/fs.h"
#include "berth/sink.h"

/* What is collected before it is written; a piece is not larger. */
#define ENOUGH (64u << 10)

/* One byte shows as at most four, in a piece of at most ENOUGH. */
#define MAX_WAITING (6 * ENOUGH)

void
sink_init(struct sink *sink, int fd, enum sink_mode mode)
{
	*sink = (struct sink){ .fd = fd, .mode = mode };
	filter_init(&sink->filter,
		    mode == SINK_COLOUR ? FILTER_COLOUR : FILTER_SHOW);
	buf_init(&sink->waiting, MAX_WAITING);
}

void
sink_fini(struct sink *sink)
{
	buf_fini(&sink->waiting);
}

void
sink_flush(struct sink *sink)
{
	if (sink->waiting.len > 0 && sink->failed == 0 &&
	    write_full(sink->fd, buf_bytes(&sink->waiting), sink->waiting.len) <
		0)
		sink->failed = errno;
	buf_clear(&sink->waiting);
}

void
sink_add(struct sink *sink, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		size_t part = MIN(n, ENOUGH);

		if (sink->mode == SINK_RAW)
			(void)buf_add(&sink->waiting, p, part);
		else
			filter_add(&sink->filter, p, part, &sink->waiting);
		if (sink->waiting.len >= ENOUGH)
			sink_flush(sink);
		p += part;
		n -= part;
	}
}

void
sink_end(struct sink *sink)
{
	if (sink->mode != SINK_RAW)
		filter_end(&sink->filter, &sink->waiting);
	sink_flush(sink);
}
