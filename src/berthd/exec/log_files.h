/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_LOG_FILES_H
#define BERTHD_EXEC_LOG_FILES_H

/*
 * An exec's output files as the readers of one exec share them: the open
 * descriptors, what was there at the last refresh, and a cache of what was read
 * last, which serves any number of followers that stand at the same place.
 *
 * A log_view is a reader's own snapshot: a list of entries in the order of
 * time, each a run of bytes of one stream.  Entry i is record i of the
 * timeline; two more at the end stand for the bytes of `out' and `err' that an
 * ended exec left beyond its last record.  While the exec lives these two are
 * empty, so entry numbers stay what they are when a later snapshot has more.
 */

#include <stdbool.h>

#include "core/err.h"
#include "berthd/exec/timeline.h"

/* Bytes that can be had in one piece. */
#define LOG_WINDOW (256u << 10)

struct log_cache;

struct log_files {
	struct timeline timeline;
	bool is_ended;
	struct log_cache *cache; /* NULL: nothing kept */
};

/* `dir_fd' is borrowed.  Nothing is opened before the first refresh. */
void log_files_init(struct log_files *files, int dir_fd);
void log_files_fini(struct log_files *files);

/* `is_ended': no more bytes will come; learnt before this call. */
int log_files_refresh(struct log_files *files, bool is_ended, struct err *err);

/* Let the cache go; done when nobody reads at the moment. */
void log_files_trim(struct log_files *files);

/*
 * `n' bytes at `offset', at most LOG_WINDOW and within the file, borrowed until
 * the next call.  1; 0 if some of them were dropped in the meantime, which
 * `timeline.drop' now says; or -1.
 */
int log_files_read(struct log_files *files, unsigned stream, uint64_t offset,
		   size_t n, const uint8_t **ret_bytes, struct err *err);

/*
 * Records of the timeline from `index' on, `*ret_n' of them and at least one,
 * borrowed until the next call; or NULL.
 */
const struct timeline_rec *log_files_recs(struct log_files *files,
					  uint64_t index, size_t *ret_n,
					  struct err *err);

struct log_entry {
	uint64_t time_ns;
	uint64_t offset, length;
	unsigned stream;
	bool is_lost;
};

struct log_view {
	struct log_files *files; /* borrowed */
	bool is_ended;
	uint64_t n_recs;
	uint64_t last_ns;
	uint64_t covered[TIMELINE_STREAMS]; /* ends of the records */
	uint64_t end[TIMELINE_STREAMS];	    /* ends of all that counts */
};

/* What the last refresh saw. */
struct log_view log_view_of(struct log_files *files);

/* The number of entries. */
static inline uint64_t
log_view_n(const struct log_view *view)
{
	return view->n_recs + TIMELINE_STREAMS;
}

int log_view_entry(const struct log_view *view, uint64_t index,
		   struct log_entry *ret, struct err *err);

/* The entry with the byte at `offset'; log_view_n() if there is none. */
int log_view_find(const struct log_view *view, unsigned stream, uint64_t offset,
		  uint64_t *ret_index, struct err *err);

#endif
