/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_QUERY_H
#define BERTHD_EXEC_LOG_QUERY_H

/*
 * What a client wants to see of a log, from the parameters of its request.
 *
 * The parameters of codexd keep its meaning and its precedence: full before
 * tail_lines before tail, a tail that is not a number counts as 2000, as does
 * an absent one unless since, until, grep or an exact format asks for more than
 * a glance.  Parameters of ours are strict, and at most one of them may say
 * where to begin.  Unknown ones are ignored, as the route is codexd's.
 *
 *	stream=stdout|stderr|both  format=text|raw|jsonl|frames
 *	tail=BYTES tail_lines=N full=true
 *	head=SIZE head_lines=N offset=N offset_out=N offset_err=N
 *	since=MOMENT until=MOMENT max_bytes=SIZE
 *	grep=TEXT grep_re=ERE strip_ansi=BOOL follow=BOOL
 *
 * In this order: since and until choose by time, then tail, head or offset
 * among that, then max_bytes counts, then grep chooses lines.  With a grep
 * max_bytes counts what matched.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct http_head;

enum log_format { LOG_TEXT, LOG_RAW, LOG_JSONL, LOG_FRAMES, LOG_FORMATS };

enum log_pick {
	LOG_PICK_ALL,
	LOG_PICK_TAIL_BYTES,
	LOG_PICK_TAIL_LINES,
	LOG_PICK_HEAD_BYTES,
	LOG_PICK_HEAD_LINES,
	LOG_PICK_OFFSET,
};

/* codexd's glance at the end of a log. */
#define LOG_DEFAULT_TAIL 2000

/* A pattern and its NUL. */
#define LOG_GREP_SIZE 1024

/* Owns nothing: may be copied and forgotten. */
struct log_query {
	enum log_format format;
	unsigned streams; /* BIT(TIMELINE_OUT), BIT(TIMELINE_ERR) */
	enum log_pick pick;
	uint64_t count;		  /* bytes or lines of the pick */
	uint64_t offset[2];	  /* of LOG_PICK_OFFSET, by stream */
	uint64_t since_ns;	  /* 0: from the start */
	uint64_t until_ns;	  /* UINT64_MAX: to the end */
	uint64_t max_bytes;	  /* UINT64_MAX: any */
	char grep[LOG_GREP_SIZE]; /* empty: all lines */
	bool is_regex;
	bool strip_ansi;
	bool follow;
	bool is_run; /* the answer of a start: `started' comes first */
};

/*
 * GET /v1/exec/{id}/logs.  Durations are counted back from now.  ERR_INVALID
 * names the parameter.
 */
int log_query_parse(const struct http_head *head, struct log_query *ret,
		    struct err *err);

/* All of both streams, followed, as the answer of a start: POST exec/run. */
void log_query_init_run(struct log_query *query);

/* Lines, not bytes, are what is asked for. */
bool log_query_wants_lines(const struct log_query *query);

#endif
