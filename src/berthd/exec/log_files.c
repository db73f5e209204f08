/* SPDX-License-Identifier: ISC */

/*
 * The shared files of a log; see log_files.h.
 *
 * The cache is a window into each stream and a block of records.  A window
 * always starts where it was asked for and reads ahead, as readers go forward;
 * a block starts at a multiple of its size, as records are also walked
 * backwards.
 */

#include <assert.h>

#include "core/fs.h"
#include "core/mem.h"
#include "berthd/exec/log_files.h"

/* 12 KiB: cheap to read again whenever a live log has grown. */
#define BLOCK_RECS 512

struct window {
	uint64_t offset;
	size_t len;
	uint8_t bytes[LOG_WINDOW];
};

struct log_cache {
	uint64_t first; /* of the records */
	size_t n;
	struct timeline_rec recs[BLOCK_RECS];
	struct window windows[TIMELINE_STREAMS];
};

void
log_files_init(struct log_files *files, int dir_fd)
{
	*files = (struct log_files){ 0 };
	timeline_init(&files->timeline, dir_fd);
}

void
log_files_fini(struct log_files *files)
{
	timeline_fini(&files->timeline);
	log_files_trim(files);
}

int
log_files_refresh(struct log_files *files, bool is_ended, struct err *err)
{
	if (timeline_refresh(&files->timeline, err) < 0)
		return -1;
	files->is_ended = is_ended;
	return 0;
}

void
log_files_trim(struct log_files *files)
{
	free(TAKE(files->cache));
}

static struct log_cache *
get_cache(struct log_files *files)
{
	struct log_cache *cache = files->cache;

	if (cache == NULL) {
		/* Not cleared: most readers touch a few pages of it. */
		cache = files->cache = xmalloc(sizeof(*cache));
		cache->n = 0;
		for (size_t s = 0; s < TIMELINE_STREAMS; s++)
			cache->windows[s].len = 0;
	}
	return cache;
}

static int
fill(const struct log_files *files, unsigned stream, uint64_t offset, size_t n,
     struct window *w, struct err *err)
{
	uint64_t rest = files->timeline.size[stream] - offset;
	size_t want = (size_t)MIN(rest, (uint64_t)LOG_WINDOW);
	ssize_t got;

	w->len = 0;
	got = pread_full(files->timeline.stream_fd[stream], w->bytes, want,
			 offset);
	if (got < 0)
		return err_sys(err, "read output");
	if ((size_t)got < n)
		return err_set(err, ERR_SYSTEM, "the output became shorter");
	w->offset = offset;
	w->len = (size_t)got;
	return 0;
}

int
log_files_read(struct log_files *files, unsigned stream, uint64_t offset,
	       size_t n, const uint8_t **ret_bytes, struct err *err)
{
	struct timeline *t = &files->timeline;
	struct window *w = &get_cache(files)->windows[stream];

	assert(n <= LOG_WINDOW && offset + n <= t->size[stream]);
	if (offset < w->offset || offset + n > w->offset + w->len) {
		if (fill(files, stream, offset, n, w, err) < 0 ||
		    timeline_refresh_drops(t, err) < 0)
			return -1;
	}

	/* Zeros may have taken the place of bytes before we read them. */
	if (t->drop[stream].from < offset + n && t->drop[stream].to > offset)
		return 0;
	*ret_bytes = w->bytes + (offset - w->offset);
	return 1;
}

const struct timeline_rec *
log_files_recs(struct log_files *files, uint64_t index, size_t *ret_n,
	       struct err *err)
{
	struct log_cache *cache = get_cache(files);
	int n;

	assert(index < files->timeline.n);
	if (index < cache->first || index >= cache->first + cache->n) {
		cache->n = 0;
		cache->first = index - index % BLOCK_RECS;
		n = timeline_read(&files->timeline, cache->first, cache->recs,
				  BLOCK_RECS, err);
		if (n < 0)
			return NULL;
		cache->n = (size_t)n;
	}
	*ret_n = (size_t)(cache->first + cache->n - index);
	return &cache->recs[index - cache->first];
}

struct log_view
log_view_of(struct log_files *files)
{
	const struct timeline *t = &files->timeline;
	struct log_view view = {
		.files = files,
		.is_ended = files->is_ended,
		.n_recs = t->n,
		.last_ns = t->last_ns,
	};

	for (size_t s = 0; s < TIMELINE_STREAMS; s++) {
		view.covered[s] = t->end[s];
		view.end[s] = files->is_ended ? MAX(t->end[s], t->size[s])
					      : t->end[s];
	}
	return view;
}

int
log_view_entry(const struct log_view *view, uint64_t index,
	       struct log_entry *ret, struct err *err)
{
	const struct timeline_rec *rec;
	size_t n;

	assert(index < log_view_n(view));
	if (index >= view->n_recs) {
		unsigned s = (unsigned)(index - view->n_recs);

		*ret = (struct log_entry){
			.time_ns = view->last_ns,
			.offset = view->covered[s],
			.length = view->end[s] - view->covered[s],
			.stream = s,
		};
		return 0;
	}
	rec = log_files_recs(view->files, index, &n, err);
	if (rec == NULL)
		return -1;
	*ret = (struct log_entry){
		.time_ns = rec->time_ns,
		.offset = rec->offset,
		.length = rec->length,
		.stream = rec->stream,
		.is_lost = rec->kind == TIMELINE_LOST,
	};
	return 0;
}

int
log_view_find(const struct log_view *view, unsigned stream, uint64_t offset,
	      uint64_t *ret_index, struct err *err)
{
	if (offset >= view->end[stream]) {
		*ret_index = log_view_n(view);
		return 0;
	}
	if (offset >= view->covered[stream]) {
		*ret_index = view->n_recs + stream;
		return 0;
	}
	return timeline_find_offset(&view->files->timeline, stream, offset,
				    ret_index, err);
}
