/* SPDX-License-Identifier: ISC */
#ifndef TESTS_LOG_MODEL_H
#define TESTS_LOG_MODEL_H

/*
 * What a query must answer, worked out byte by byte from what the fixture
 * remembers: slow, and with nothing in common with the code under test but the
 * rules.
 */

#include <stdbool.h>
#include <stdint.h>

#include "berthd/exec/log_query.h"
#include "berthd/exec/log_range.h"
#include "tests/unit/berthd/exec/log_fixture.h"

struct buf;

/* All but `first'. */
void log_model_range(const struct log_fixture *f, bool is_ended,
		     const struct log_query *q, struct log_range *ret);

/* The pieces of a range, one a line, joined as far as they can be. */
void log_model_pieces(const struct log_fixture *f, bool is_ended,
		      const struct log_query *q, struct buf *out);

/* The body of the answer: text, raw or jsonl. */
void log_model_body(const struct log_fixture *f, bool is_ended,
		    const struct log_query *q, struct buf *out);

/* A line of log_model_pieces; `joined' keeps what was not written yet. */
struct log_model_joiner {
	unsigned stream;
	uint64_t offset, length;
	char reason[16];
	struct buf *out;
};
void log_model_join(struct log_model_joiner *j, unsigned stream,
		    uint64_t offset, uint64_t length, const char *reason);
void log_model_join_end(struct log_model_joiner *j);

/* A random query that log_query could have made. */
void log_model_query(const struct log_fixture *f, struct log_query *ret);

#endif
