/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_EXEC_STREAM_H
#define BERTH_CLIENT_EXEC_STREAM_H

/*
 * The output of an exec as it comes, each byte exactly once, whatever happens
 * to the connection.
 *
 * A stream starts an exec and stays with it, or reads one that is there.  When
 * the connection breaks it connects again (which may start a new daemon), asks
 * from where it stopped, and drops what it has seen.  It gives up after a
 * minute without success, over a link when that does; the exec is not touched
 * by that.
 *
 * Two forms.  BYTES hands on the output as bytes; the daemon is asked for
 * frames, which carry offsets.  EVENTS hands on lines of JSON as the daemon
 * wrote them; the place to go on from is the offset of the last one.
 *
 * A daemon of another kind (codexd) gives no offsets.  It is understood, but
 * its stream cannot be resumed: a break is an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct client;
struct exec_result;
struct exec_spec;
struct exec_stream;

enum exec_form { EXEC_BYTES, EXEC_EVENTS };

/* Which part of the output; all borrowed.  UINT64_MAX is "not said". */
struct exec_view {
	unsigned streams; /* 1: stdout, 2: stderr, 3: both */
	bool follow;	  /* until the exec is finished */
	bool full;
	uint64_t tail, tail_lines, head, head_lines;
	uint64_t offset; /* of each stream that is shown */
	uint64_t max_bytes;
	const char *since, *until, *grep, *grep_re;
	bool strip_ansi;
};

#define EXEC_VIEW_INIT                                                         \
	{                                                                      \
		.streams = 3, .tail = UINT64_MAX, .tail_lines = UINT64_MAX,    \
		.head = UINT64_MAX, .head_lines = UINT64_MAX,                  \
		.offset = UINT64_MAX, .max_bytes = UINT64_MAX                  \
	}

struct exec_gap {
	unsigned stream;
	uint64_t offset, length;
	const char *reason; /* may be NULL */
};

/*
 * Called from the loop, never from exec_stream_start.  The stream may be freed
 * in on_end only.
 */
struct exec_stream_events {
	/* Once, when a start is acknowledged; `id' is borrowed for good. */
	void (*on_started)(const char *id, void *owner);
	/* BYTES: output; `stream' is 0 or 1. */
	void (*on_bytes)(unsigned stream, const void *bytes, size_t n,
			 void *owner);
	/* BYTES: output that is lost for good. */
	void (*on_gap)(const struct exec_gap *gap, void *owner);
	/* EVENTS: a line without its newline. */
	void (*on_event)(const char *line, size_t n, void *owner);
	/* The connection broke (`why' says how), or stands again (NULL). */
	void (*on_broken)(const struct err *why, void *owner);
	/*
	 * Over.  `result' tells the end of the exec if it was waited for;
	 * `err' is NULL unless the stream failed.
	 */
	void (*on_end)(const struct exec_result *result, const struct err *err,
		       void *owner);
};

struct exec_stream_config {
	struct client *client;
	const struct exec_spec *spec; /* to start, with a key; or NULL: */
	const char *id;		      /* the exec to read, */
	const struct exec_view *view; /* and what of it */
	enum exec_form form;
	const struct exec_stream_events *events;
	void *owner;
};

/* `config' is read during the call only. */
struct exec_stream *exec_stream_start(const struct exec_stream_config *config,
				      struct err *err);
void exec_stream_free(struct exec_stream *stream);

/* The exec's id, once it is known; "" before. */
const char *exec_stream_id(const struct exec_stream *stream);

#endif
