/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_EXEC_STREAM_OWN_H
#define BERTH_CLIENT_EXEC_STREAM_OWN_H

/*
 * What the parts of a stream share: its calls (exec_stream.c) and what they
 * bring (exec_stream_take.c).  Nobody else includes it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "core/buf.h"
#include "core/err.h"
#include "client/exec_json.h"
#include "client/exec_stream.h"
#include "client/frames.h"
#include "client/lines.h"

struct client_call;

/* How the daemon answers, by its Content-Type. */
enum answer { ANSWER_FRAMES, ANSWER_EVENTS, ANSWER_TEXT };

/* What has been handed on of one stream. */
struct place {
	bool is_known;
	uint64_t floor;	     /* where to begin while nothing is known */
	uint64_t next;	     /* BYTES: the offset of the next byte */
	char *last;	     /* EVENTS: the last event's line */
	int64_t last_offset; /* decoded from it when it is needed */
};

struct exec_stream {
	struct client *client;
	const struct exec_stream_events *events;
	void *owner;
	enum exec_form form;

	bool is_berthd; /* it knows keys and offsets */
	bool is_start;	/* a start request in `body', until it is started */
	struct buf body;
	char *id;
	struct exec_view view;
	char *since, *until, *grep, *grep_re; /* what the view points to */
	bool asks_events; /* frames carry exact bytes, not chosen lines */

	struct client_call *call; /* NULL between calls */
	enum answer answer;
	struct frames frames;
	struct lines lines;
	struct place places[2];
	bool is_resumed; /* this call may repeat events */
	bool is_bulk;	 /* so much came that calls look for a shorter way */
	uint64_t n_bytes;

	bool is_over; /* the end is known: stop reading */
	struct exec_result result;
	struct err err; /* why reading stopped, if code is set */

	uv_timer_t timer;    /* silence during a call, a pause between calls */
	uint64_t broken_ms;  /* since when nothing works; 0: it works */
	unsigned n_attempts; /* in a row that brought nothing */
	bool has_worked;
	bool was_answered; /* the last failure came over a connection */
	bool is_freed;
};

/*
 * A frame, or a line without its newline, to a stream as `owner'.  -1: no more
 * of the call is wanted, for the end is known (is_over), or it failed (err).
 */
int exec_stream_on_frame(unsigned type, uint64_t offset, const void *bytes,
			 size_t n, void *owner);
int exec_stream_on_line(const char *line, size_t n, void *owner);

/* The offset of the last event of a place, which is kept as text. */
int64_t exec_stream_last_offset(struct place *place);

#endif
