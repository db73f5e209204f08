/* SPDX-License-Identifier: ISC */

/*
 * Finding the bytes of a query; see log_range.h.
 *
 * Four steps: choose by time; make that whole lines; walk from the right end
 * over as many bytes or lines as are wanted; trim where the walk stopped to a
 * whole line.  One stream is walked as a single entry, for which the timeline
 * is not needed; two are walked entry by entry, in the order of time.
 */

#include <string.h>

#include "core/macros.h"
#include "berthd/exec/log_range.h"

/* What one step may read: a millisecond or two. */
#define STEP_BYTES (4 << 20)

enum scan {
	SCAN_MORE, /* the budget is used up: call again */
	SCAN_FOUND,
	SCAN_EDGE,
	SCAN_FAILED = -1,
};

typedef int step_fn(struct log_finder *f, struct err *err);

static bool
is_wanted(const struct log_finder *f, unsigned stream)
{
	return (f->query->streams & BIT(stream)) != 0;
}

static bool
is_both(const struct log_finder *f)
{
	return is_wanted(f, TIMELINE_OUT) && is_wanted(f, TIMELINE_ERR);
}

/*
 * Move `*pos' down to just after the nearest line end, or to `low'.  Bytes that
 * are missing hold no line ends and are passed over.
 */
static enum scan
scan_back(struct log_finder *f, unsigned stream, uint64_t *pos, uint64_t low,
	  struct err *err)
{
	struct log_files *files = f->view->files;
	const struct timeline *t = &files->timeline;

	while (*pos > low) {
		const struct timeline_drop *drop = &t->drop[stream];
		const uint8_t *bytes, *found;
		uint64_t from = MAX(low, (*pos - 1) / LOG_WINDOW * LOG_WINDOW);
		int rc;

		if (*pos > drop->from && *pos <= drop->to) {
			*pos = MAX(low, drop->from);
			continue;
		}
		if (*pos > t->size[stream]) {
			*pos = MAX(low, t->size[stream]);
			continue;
		}
		if (from < drop->to && drop->to < *pos)
			from = drop->to;
		if (f->budget <= 0)
			return SCAN_MORE;
		rc = log_files_read(files, stream, from, (size_t)(*pos - from),
				    &bytes, err);
		if (rc < 0)
			return SCAN_FAILED;
		if (rc == 0)
			continue;
		found = memrchr(bytes, '\n', (size_t)(*pos - from));
		from = found ? from + (uint64_t)(found - bytes) + 1 : from;
		f->budget -= (int64_t)(*pos - from);
		*pos = from;
		if (found)
			return SCAN_FOUND;
	}
	return SCAN_EDGE;
}

/* Move `*pos' up to just after the nearest line end, or to `high'. */
static enum scan
scan_forward(struct log_finder *f, unsigned stream, uint64_t *pos,
	     uint64_t high, struct err *err)
{
	struct log_files *files = f->view->files;
	const struct timeline *t = &files->timeline;

	while (*pos < high) {
		const struct timeline_drop *drop = &t->drop[stream];
		const uint8_t *bytes, *found;
		uint64_t to = MIN(high, (*pos / LOG_WINDOW + 1) * LOG_WINDOW);
		int rc;

		if (*pos >= drop->from && *pos < drop->to) {
			*pos = MIN(high, drop->to);
			continue;
		}
		if (*pos >= t->size[stream]) {
			*pos = high;
			continue;
		}
		to = MIN(to, t->size[stream]);
		if (to > drop->from && drop->from > *pos)
			to = drop->from;
		if (f->budget <= 0)
			return SCAN_MORE;
		rc = log_files_read(files, stream, *pos, (size_t)(to - *pos),
				    &bytes, err);
		if (rc < 0)
			return SCAN_FAILED;
		if (rc == 0)
			continue;
		found = memchr(bytes, '\n', (size_t)(to - *pos));
		to = found ? *pos + (uint64_t)(found - bytes) + 1 : to;
		f->budget -= (int64_t)(to - *pos);
		*pos = to;
		if (found)
			return SCAN_FOUND;
	}
	return SCAN_EDGE;
}

/* The records that arrived in [since, until], as entries [low, high). */
static int
find_entries(struct log_finder *f, struct err *err)
{
	const struct log_view *view = f->view;
	const struct timeline *t = &view->files->timeline;
	const struct log_query *q = f->query;
	uint64_t after;

	f->low = 0;
	f->high = log_view_n(view);
	if (q->since_ns > 0) {
		if (timeline_find_time(t, q->since_ns, &f->low, err) < 0)
			return -1;
		if (f->low >= view->n_recs)
			f->low = f->high;
	}
	if (q->until_ns < UINT64_MAX) {
		if (timeline_find_time(t, q->until_ns + 1, &after, err) < 0)
			return -1;
		if (after < view->n_recs)
			f->high = MAX(after, f->low);
	}
	return 0;
}

/* Where `stream' stands before entry `index' of [low, high]. */
static int
position(const struct log_finder *f, unsigned stream, uint64_t index,
	 uint64_t *ret_offset, struct err *err)
{
	const struct log_view *view = f->view;

	if (index == 0 || index >= view->n_recs) {
		*ret_offset = index == 0 ? 0 : view->end[stream];
		return 0;
	}
	return timeline_position(&view->files->timeline, stream, index,
				 ret_offset, err);
}

static int
step_time(struct log_finder *f, struct err *err)
{
	struct log_range *r = &f->range;

	if (find_entries(f, err) < 0)
		return -1;
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		if (!is_wanted(f, s))
			continue;
		if (position(f, s, f->low, &r->from[s], err) < 0 ||
		    position(f, s, f->high, &r->to[s], err) < 0)
			return -1;
		r->to[s] = MIN(r->to[s], f->view->end[s]);
		r->from[s] = MIN(r->from[s], r->to[s]);
	}
	return 1;
}

/* One end of a range to a line start; what is done is noted in is_cut. */
static int
cut_to_line(struct log_finder *f, unsigned stream, uint64_t *pos, uint64_t low,
	    struct err *err)
{
	unsigned bit = BIT(2 * stream + (pos == &f->range.to[stream]));
	enum scan rc;

	if (f->is_cut & bit)
		return 1;
	rc = scan_back(f, stream, pos, low, err);
	if (rc == SCAN_FAILED || rc == SCAN_MORE)
		return (int)rc;
	f->is_cut |= bit;
	return 1;
}

static int
step_lines(struct log_finder *f, struct err *err)
{
	struct log_range *r = &f->range;

	if (!log_query_wants_lines(f->query))
		return 1;
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		int rc = 1;

		if (r->from[s] == r->to[s])
			continue;
		if (r->to[s] < f->view->end[s])
			rc = cut_to_line(f, s, &r->to[s], r->from[s], err);
		if (rc == 1 && r->from[s] < r->to[s])
			rc = cut_to_line(f, s, &r->from[s], 0, err);
		if (rc != 1)
			return rc;
	}
	return 1;
}

static bool
is_backward(const struct log_finder *f)
{
	return f->query->pick == LOG_PICK_TAIL_BYTES ||
	       f->query->pick == LOG_PICK_TAIL_LINES;
}

static bool
counts_lines(const struct log_finder *f)
{
	return f->query->pick == LOG_PICK_TAIL_LINES ||
	       f->query->pick == LOG_PICK_HEAD_LINES;
}

/* What stands after the last line end counts as a line, too. */
static int
count_open_line(struct log_finder *f, unsigned stream, struct err *err)
{
	struct log_files *files = f->view->files;
	uint64_t from = f->range.from[stream], to = f->range.to[stream];
	const uint8_t *last;
	int rc;

	if (f->left == 0 || from == to || to > files->timeline.size[stream])
		return 0;
	rc = log_files_read(files, stream, to - 1, 1, &last, err);
	if (rc > 0 && *last != '\n') {
		f->chosen |= BIT(stream);
		f->left--;
	}
	return rc < 0 ? -1 : 0;
}

/* No entry before the first one with a byte of the range need be looked at. */
static int
find_first(const struct log_finder *f, uint64_t *ret_first, struct err *err)
{
	uint64_t first = f->view->n_recs, index;

	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		uint64_t from = f->range.from[s];

		if (!is_wanted(f, s) || from >= f->view->end[s])
			continue;
		if (from == 0)
			index = 0;
		else if (log_view_find(f->view, s, from, &index, err) < 0)
			return -1;
		first = MIN(first, index);
	}
	*ret_first = first;
	return 0;
}

/* Where the walk begins, and with how much to find. */
static int
step_start(struct log_finder *f, struct err *err)
{
	if (is_both(f)) {
		if (find_first(f, &f->low, err) < 0)
			return -1;
		f->high = MAX(f->high, f->low);
	} else {
		f->low = 0;
		f->high = 1;
	}
	f->entry = is_backward(f) ? f->high : f->low;
	f->left = f->query->count;
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++)
		f->at[s] = is_backward(f) ? f->range.to[s] : f->range.from[s];

	/* At the end of an answer stderr's open line comes last. */
	if (f->query->pick == LOG_PICK_TAIL_LINES &&
	    (count_open_line(f, TIMELINE_ERR, err) < 0 ||
	     count_open_line(f, TIMELINE_OUT, err) < 0))
		return -1;
	return 1;
}

/* Entry `index' as a piece of the range; an empty one is not stepped into. */
static int
enter(struct log_finder *f, uint64_t index, struct err *err)
{
	const struct log_range *r = &f->range;
	uint64_t from, to;

	if (is_both(f)) {
		struct log_entry e;

		if (log_view_entry(f->view, index, &e, err) < 0)
			return -1;
		f->stream = e.stream;
		from = MAX(r->from[e.stream], e.offset);
		to = MIN(r->to[e.stream], e.offset + e.length);
	} else {
		f->stream = is_wanted(f, TIMELINE_OUT) ? TIMELINE_OUT
						       : TIMELINE_ERR;
		from = r->from[f->stream];
		to = r->to[f->stream];
	}
	f->is_inside = from < to;
	f->pos = is_backward(f) ? to : from;
	f->edge = is_backward(f) ? from : to;
	return 0;
}

/* Take as many bytes of the piece as are wanted. */
static int
take_bytes(struct log_finder *f)
{
	uint64_t n;

	if (is_backward(f)) {
		n = MIN(f->left, f->pos - f->edge);
		f->pos -= n;
	} else {
		n = MIN(f->left, f->edge - f->pos);
		f->pos += n;
	}
	f->left -= n;
	f->at[f->stream] = f->pos;
	f->is_inside = false;
	return 1;
}

/* Take one line from the piece, or what there is of it. */
static int
take_line(struct log_finder *f, struct err *err)
{
	enum scan rc = is_backward(f)
			   ? scan_back(f, f->stream, &f->pos, f->edge, err)
			   : scan_forward(f, f->stream, &f->pos, f->edge, err);

	if (rc == SCAN_FAILED || rc == SCAN_MORE)
		return (int)rc;
	if (rc == SCAN_FOUND) {
		/* Backwards, the line end itself is what was looked for. */
		f->pos -= is_backward(f);
		f->chosen |= BIT(f->stream);
		f->left--;
	} else {
		f->is_inside = false;
	}
	if (rc == SCAN_FOUND || !is_backward(f))
		f->at[f->stream] = f->pos;
	return 1;
}

/* The next entry of the walk; false when there is none. */
static bool
next_entry(struct log_finder *f, uint64_t *ret_index)
{
	if (f->entry == (is_backward(f) ? f->low : f->high))
		return false;
	*ret_index = is_backward(f) ? --f->entry : f->entry++;
	f->budget -= TIMELINE_REC_SIZE;
	return true;
}

/* Afterwards `left' is 0, or everything is wanted. */
static int
step_walk(struct log_finder *f, struct err *err)
{
	uint64_t index;
	int rc = 1;

	if (f->query->pick == LOG_PICK_ALL || f->query->pick == LOG_PICK_OFFSET)
		return 1;
	while (rc == 1 && f->left > 0) {
		if (f->budget <= 0)
			return 0;
		if (f->is_inside)
			rc = counts_lines(f) ? take_line(f, err)
					     : take_bytes(f);
		else if (!next_entry(f, &index))
			return 1;
		else if (enter(f, index, err) < 0)
			return -1;
	}
	return rc;
}

/* The place where the walk stopped in `stream', as the end of its range. */
static int
trim(struct log_finder *f, unsigned stream, struct err *err)
{
	struct log_range *r = &f->range;
	uint64_t *at = &f->at[stream];
	bool in_lines = log_query_wants_lines(f->query) || counts_lines(f);
	enum scan rc = SCAN_EDGE;

	switch (f->query->pick) {
	case LOG_PICK_TAIL_BYTES:
		if (in_lines && *at > r->from[stream])
			rc = scan_forward(f, stream, at, r->to[stream], err);
		break;
	case LOG_PICK_TAIL_LINES:
		if (f->chosen & BIT(stream))
			rc = scan_back(f, stream, at, r->from[stream], err);
		break;
	case LOG_PICK_HEAD_BYTES:
	case LOG_PICK_HEAD_LINES:
		if (in_lines && *at < r->to[stream])
			rc = scan_back(f, stream, at, r->from[stream], err);
		break;
	default:
		break;
	}
	if (rc == SCAN_FAILED || rc == SCAN_MORE)
		return (int)rc;
	*(is_backward(f) ? &r->from[stream] : &r->to[stream]) = *at;
	return 1;
}

static int
step_trim(struct log_finder *f, struct err *err)
{
	struct log_range *r = &f->range;

	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		int rc = 1;

		if (!is_wanted(f, s))
			continue;
		if (f->query->pick == LOG_PICK_OFFSET) {
			r->from[s] = MAX(r->from[s], f->query->offset[s]);
			r->to[s] = MAX(r->to[s], r->from[s]);
		} else if (f->query->pick != LOG_PICK_ALL && f->left == 0 &&
			   !(f->trimmed & BIT(s))) {
			rc = trim(f, s, err);
		}
		if (rc != 1)
			return rc;
		f->trimmed |= BIT(s);
	}
	return 1;
}

static int
step_first(struct log_finder *f, struct err *err)
{
	return find_first(f, &f->range.first, err) < 0 ? -1 : 1;
}

void
log_finder_init(struct log_finder *f, const struct log_view *view,
		const struct log_query *query)
{
	*f = (struct log_finder){ .view = view, .query = query };
}

int
log_finder_step(struct log_finder *f, struct err *err)
{
	static step_fn *const steps[] = { step_time, step_lines, step_start,
					  step_walk, step_trim,	 step_first };

	f->budget = STEP_BYTES;
	while (f->step < ARRAY_SIZE(steps)) {
		int rc = steps[f->step](f, err);

		if (rc != 1)
			return rc;
		f->step++;
	}
	return 1;
}
