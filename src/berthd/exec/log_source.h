/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_SOURCE_H
#define BERTHD_EXEC_LOG_SOURCE_H

/*
 * The log of one exec, as all its readers share it: open files, a cache, and
 * one eye on the timeline while somebody follows.
 *
 * The owner fills in the upper part, keeps it true, and says so with
 * log_source_changed.  It may keep a source for as long as it likes: without
 * readers a source holds nothing open.
 *
 * The files are expected to exist when the first follower comes; if they do
 * not, or if the system has no watches left, they are looked at several times a
 * second instead.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/list.h"

struct jsonw;
struct log_files;
struct log_hub;
struct uv_loop_s;

#define LOG_SOURCE_KEEPALIVE_MS 15000

struct log_source {
	int dir_fd;	     /* the exec's directory; borrowed until fini */
	const char *exec_id; /* for our own log; borrowed until fini */
	bool is_ended;	     /* no more output will come */
	bool is_capped; /* a holder lives that may drop stored bytes again */

	/*
	 * The members of the events "started" and "finished" but "type", and
	 * of the whole result, which the last frame is (NULL: those of
	 * finished).  Called from the loop, from log_stream_start and from
	 * log_source_changed.
	 */
	void *exec;
	void (*describe_started)(void *exec, struct jsonw *w);
	void (*describe_finished)(void *exec, struct jsonw *w);
	void (*describe_result)(void *exec, struct jsonw *w);

	/* The last reader is gone; may be NULL.  May call log_source_fini. */
	void (*on_idle)(void *exec);

	/* In frames, the longest silence; 0: LOG_SOURCE_KEEPALIVE_MS. */
	uint64_t keepalive_ms;

	struct log_hub *hub; /* private; NULL at first */
};

/* Something of the upper part changed: readers take note. */
void log_source_changed(struct log_source *src);

/* Break off the readers.  Their exchanges are gone a little later. */
void log_source_fini(struct log_source *src);

/*
 * Readers
 */

struct log_reader {
	struct list link;
	struct log_source *src; /* NULL: broken off */
	bool is_follower;
	bool is_waiting; /* for more */

	/* There may be more.  `is_waiting' is false again. */
	void (*wake)(struct log_reader *reader);

	/* `src' is about to go, or its files cannot be read. */
	void (*cut)(struct log_reader *reader);
};

/*
 * Add the reader and look at the files.  It stays added on failure, too, until
 * it leaves.
 */
int log_source_join(struct log_source *src, struct log_reader *reader,
		    struct uv_loop_s *loop, struct err *err);

/* The last thing a reader does: the source may be gone afterwards. */
void log_source_leave(struct log_reader *reader);

/* Borrowed while the reader is there. */
struct log_files *log_source_files(const struct log_reader *reader);

/* The reader has done what it can for now. */
void log_source_rest(const struct log_reader *reader);

#endif
