/* SPDX-License-Identifier: ISC */

/*
 * The merge of two streams; see log_merge.h.
 *
 * Entries that end at or before what is consumed of their stream are passed
 * over, so consuming moves nothing but that one number.  A piece begins where
 * consuming stopped, not where its entry begins: a damaged record leads to no
 * hole.
 *
 * The range of dropped bytes is one gap, however many records lie in it.
 */

#include <assert.h>

#include "core/macros.h"
#include "berthd/exec/log_merge.h"

/* Entries passed over before the caller gets a say: about a millisecond. */
#define SCAN_ENTRIES (128u << 10)

static uint64_t
n_entries(const struct log_merge *m)
{
	const struct log_view *view = &m->view;

	return view->is_ended ? log_view_n(view) : view->n_recs;
}

static bool
is_over(const struct log_merge *m)
{
	for (unsigned s = 0; s < TIMELINE_STREAMS; s++) {
		if (m->pos[s] < m->to[s])
			return m->left == 0;
	}
	return true;
}

/* What of `e' is still to be delivered; false: nothing. */
static bool
clip(const struct log_merge *m, const struct log_entry *e, uint64_t *ret_end)
{
	*ret_end = MIN(e->offset + e->length, m->to[e->stream]);
	return e->length > 0 && m->pos[e->stream] < *ret_end;
}

static void
grow(struct log_piece *piece, uint64_t end, uint64_t index)
{
	piece->length = end - piece->offset;
	piece->last_end = end;
	piece->last = index;
}

/*
 * Let the piece grow over one more entry; false if that is not possible.  An
 * entry with nothing to deliver stands between nothing.
 */
static bool
join_entry(const struct log_merge *m, struct log_piece *piece,
	   const struct log_entry *e, uint64_t index)
{
	uint64_t end;

	if (!clip(m, e, &end))
		return true;
	if (e->stream != piece->stream || e->offset > piece->last_end ||
	    e->is_lost != (piece->reason != NULL) || e->time_ns > m->until_ns)
		return false;
	if (end > piece->last_end)
		grow(piece, end, index);
	return true;
}

/*
 * The same for records that follow each other as they mostly do, up to `max'
 * bytes: there may be millions.
 */
static int
join_run(const struct log_merge *m, struct log_piece *piece, uint64_t *index,
	 uint64_t max, struct err *err)
{
	const struct log_view *view = &m->view;
	uint8_t kind = piece->reason ? TIMELINE_LOST : TIMELINE_DATA;
	uint64_t end = piece->last_end;
	size_t n, i;
	const struct timeline_rec *recs = log_files_recs(view->files, *index,
							 &n, err);

	if (recs == NULL)
		return -1;
	max = MIN(max, m->to[piece->stream] - piece->offset);
	n = (size_t)MIN(n, view->n_recs - *index);
	for (i = 0; i < n && end - piece->offset < max; i++) {
		const struct timeline_rec *rec = &recs[i];

		if (rec->stream != piece->stream || rec->kind != kind ||
		    rec->offset != end || rec->time_ns > m->until_ns)
			break;
		end += rec->length;
	}
	if (i > 0)
		grow(piece, MIN(end, m->to[piece->stream]), *index + i - 1);
	*index += i;
	return 0;
}

/* Let the piece grow over the entries that follow the one at `next'. */
static int
join(const struct log_merge *m, struct log_piece *piece, struct err *err)
{
	uint64_t n = n_entries(m), i = m->next + 1;

	/* Gaps are joined to one, whatever their length. */
	uint64_t max = piece->reason ? UINT64_MAX : m->join;

	if (max == 0)
		return 0;
	while (i < n && piece->length < max && i - m->next < SCAN_ENTRIES) {
		uint64_t before = i;
		struct log_entry e;

		if (i < m->view.n_recs && join_run(m, piece, &i, max, err) < 0)
			return -1;
		if (i > before)
			continue;
		if (log_view_entry(&m->view, i, &e, err) < 0)
			return -1;
		if (!join_entry(m, piece, &e, i++))
			break;
	}
	piece->length = MIN(piece->length, max);
	return 0;
}

/* The first part of the piece that is of one kind: dropped, there or not. */
static void
split(const struct log_merge *m, struct log_piece *piece)
{
	const struct timeline *t = &m->view.files->timeline;
	const struct timeline_drop *drop = &t->drop[piece->stream];
	uint64_t from = piece->offset, to = from + piece->length;
	uint64_t size = t->size[piece->stream];

	if (drop->from <= from && from < drop->to) {
		to = MIN(drop->to, m->to[piece->stream]);
		piece->reason = "dropped";
	} else if (drop->from > from && drop->from < drop->to) {
		to = MIN(to, drop->from);
	}
	if (piece->reason == NULL && from >= size)
		piece->reason = "missing";
	else if (piece->reason == NULL)
		to = MIN(to, size);
	if (piece->reason == NULL)
		to = MIN(to, from + MIN(m->left, INT64_MAX - from));
	piece->length = to - from;
}

static int
make_piece(const struct log_merge *m, const struct log_entry *e, uint64_t end,
	   struct log_piece *ret, struct err *err)
{
	*ret = (struct log_piece){
		.stream = e->stream,
		.offset = m->pos[e->stream],
		.length = end - m->pos[e->stream],
		.time_ns = e->time_ns,
		.last = m->next,
		.last_end = end,
		.reason = e->is_lost ? "disk_full" : NULL,
	};
	if (join(m, ret, err) < 0)
		return -1;
	split(m, ret);
	return 0;
}

enum log_merge_result
log_merge_peek(struct log_merge *m, struct log_piece *ret, struct err *err)
{
	uint64_t n = n_entries(m), end;

	for (unsigned scanned = 0; m->next < n; scanned++, m->next++) {
		struct log_entry e;

		if (scanned == SCAN_ENTRIES)
			return LOG_MERGE_AGAIN;
		if (is_over(m))
			return LOG_MERGE_STOP;
		if (log_view_entry(&m->view, m->next, &e, err) < 0)
			return LOG_MERGE_FAILED;
		if (e.time_ns > m->until_ns)
			return LOG_MERGE_STOP;
		if (!clip(m, &e, &end))
			continue;
		if (make_piece(m, &e, end, ret, err) < 0)
			return LOG_MERGE_FAILED;
		return LOG_MERGE_PIECE;
	}
	return is_over(m) ? LOG_MERGE_STOP : LOG_MERGE_END;
}

void
log_merge_consume(struct log_merge *m, const struct log_piece *piece,
		  uint64_t n)
{
	assert(n <= piece->length && piece->offset == m->pos[piece->stream]);
	m->pos[piece->stream] += n;

	if (m->pos[piece->stream] == piece->last_end)
		m->next = piece->last;
	if (piece->reason == NULL)
		m->left -= n;
}
