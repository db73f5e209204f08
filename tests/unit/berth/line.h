/* SPDX-License-Identifier: ISC */
#ifndef BERTH_TESTS_UNIT_BERTH_LINE_H
#define BERTH_TESTS_UNIT_BERTH_LINE_H

/*
 * A line of `berth', run as main runs it, in a process of its own.
 */

#include "core/buf.h"

struct line {
	int status;
	struct buf out, err; /* what it wrote */
};

#define LINE_INIT                                                              \
	{                                                                      \
		.status = -1, .out = BUF_INIT(16 << 20),                       \
		.err = BUF_INIT(16 << 20)                                      \
	}

/* `argv' ends with NULL; argv[0] is the name it is called by. */
void line_run(struct line *line, const char *const *argv);
void line_fini(struct line *line);

#define LINE_RUN(line, ...)                                                    \
	line_run(line, (const char *const[]){ __VA_ARGS__, NULL })

#define AUTO_LINE __attribute__((cleanup(line_fini))) struct line

#endif
