/* SPDX-License-Identifier: ISC */

/*
 * Reading an exec's timeline; see timeline.h.
 *
 * The records of both streams stand mixed in one file, in the order of time.
 * Time is searched by halving.  A stream's offsets also only grow, so they are
 * searched by halving too; where the middle belongs to the other stream, the
 * next record of the right one is looked for, at worst through the whole file
 * once.  The one case where that would be common, a stream that never said
 * anything, is known from its empty file.
 */

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/macros.h"
#include "berthd/exec/timeline.h"

/* Records per read while searching: 6 KiB. */
#define BLOCK 256

static const char *const stream_files[] = {
	[TIMELINE_OUT] = "out",
	[TIMELINE_ERR] = "err",
};
_Static_assert(ARRAY_SIZE(stream_files) == TIMELINE_STREAMS, "a file each");

const char *
timeline_stream_name(unsigned stream)
{
	static const char *const names[] = {
		[TIMELINE_OUT] = "stdout",
		[TIMELINE_ERR] = "stderr",
	};

	return names[stream];
}

void
timeline_init(struct timeline *t, int dir_fd)
{
	*t = (struct timeline){ .dir_fd = dir_fd, .fd = -1, .drops_fd = -1 };
	for (size_t s = 0; s < TIMELINE_STREAMS; s++)
		t->stream_fd[s] = -1;
}

void
timeline_fini(struct timeline *t)
{
	fd_close(&t->fd);
	fd_close(&t->drops_fd);
	for (size_t s = 0; s < TIMELINE_STREAMS; s++)
		fd_close(&t->stream_fd[s]);
}

/* Open `name' if it is not open yet, and say how long it is. */
static int
look(const struct timeline *t, int *fd, const char *name, uint64_t *ret_size,
     struct err *err)
{
	struct stat st;

	*ret_size = 0;
	if (*fd < 0)
		*fd = openat(t->dir_fd, name,
			     O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open %s", name);
	if (fstat(*fd, &st) < 0)
		return err_sys(err, "stat %s", name);
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

static void
decode(struct timeline_rec *rec)
{
	rec->time_ns = le64toh(rec->time_ns);
	rec->offset = le64toh(rec->offset);
	rec->length = le32toh(rec->length);
	if (rec->stream >= TIMELINE_STREAMS || rec->kind > TIMELINE_LOST ||
	    rec->offset > (uint64_t)INT64_MAX - rec->length) {
		rec->stream = TIMELINE_OUT;
		rec->offset = 0;
		rec->length = 0;
	}
}

int
timeline_read(const struct timeline *t, uint64_t index,
	      struct timeline_rec *recs, size_t max, struct err *err)
{
	size_t want = index < t->n ? (size_t)MIN(max, t->n - index) : 0;
	ssize_t got;

	if (want == 0)
		return 0;
	got = pread_full(t->fd, recs, want * TIMELINE_REC_SIZE,
			 index * TIMELINE_REC_SIZE);
	if (got < 0)
		return err_sys(err, "read timeline");
	if ((size_t)got < want * TIMELINE_REC_SIZE)
		return err_set(err, ERR_SYSTEM, "the timeline became shorter");
	for (size_t i = 0; i < want; i++)
		decode(&recs[i]);
	return (int)want;
}

/*
 * From `high' down to `low', where does the last record of each stream in
 * `wanted' end?
 */
static int
find_ends(struct timeline *t, uint64_t low, uint64_t high, unsigned wanted,
	  struct err *err)
{
	struct timeline_rec recs[BLOCK];

	while (high > low && wanted) {
		uint64_t from = high - MIN(high - low, (uint64_t)BLOCK);
		int n = timeline_read(t, from, recs, (size_t)(high - from),
				      err);

		if (n < 0)
			return -1;
		if (high == t->n)
			t->last_ns = recs[n - 1].time_ns;
		for (int i = n - 1; i >= 0 && wanted; i--) {
			const struct timeline_rec *rec = &recs[i];

			if (!(wanted & BIT(rec->stream)) || rec->length == 0)
				continue;
			t->end[rec->stream] = rec->offset + rec->length;
			wanted &= ~BIT(rec->stream);
		}
		high = from;
	}
	return 0;
}

static void
note_drop(struct timeline *t, struct timeline_drop drop)
{
	drop.from = le64toh(drop.from);
	drop.to = le64toh(drop.to);
	if (drop.stream < TIMELINE_STREAMS && drop.from < drop.to)
		t->drop[drop.stream] = drop;
}

int
timeline_refresh_drops(struct timeline *t, struct err *err)
{
	struct timeline_drop drops[BLOCK];
	uint64_t size, n;

	if (look(t, &t->drops_fd, "drops", &size, err) < 0)
		return -1;
	n = size / TIMELINE_DROP_SIZE;
	while (t->n_drops < n) {
		size_t want = (size_t)MIN(n - t->n_drops, (uint64_t)BLOCK);
		ssize_t got = pread_full(t->drops_fd, drops,
					 want * TIMELINE_DROP_SIZE,
					 t->n_drops * TIMELINE_DROP_SIZE);

		if (got < 0)
			return err_sys(err, "read drops");
		if ((size_t)got < want * TIMELINE_DROP_SIZE)
			return err_set(err, ERR_SYSTEM, "drops became shorter");
		for (size_t i = 0; i < want; i++)
			note_drop(t, drops[i]);
		t->n_drops += want;
	}
	return 0;
}

/*
 * The holder writes bytes, then their record.  So the records are counted
 * first: every one of them finds its bytes within the sizes.
 */
int
timeline_refresh(struct timeline *t, struct err *err)
{
	uint64_t size, old = t->n;
	unsigned wanted = 0;

	if (look(t, &t->fd, "timeline", &size, err) < 0)
		return -1;
	for (size_t s = 0; s < TIMELINE_STREAMS; s++) {
		if (look(t, &t->stream_fd[s], stream_files[s], &t->size[s],
			 err) < 0)
			return -1;
		if (old > 0 || t->size[s] > 0)
			wanted |= BIT(s);
	}
	t->n = MAX(old, size / TIMELINE_REC_SIZE);
	if (find_ends(t, old, t->n, wanted, err) < 0) {
		t->n = old;
		return -1;
	}
	return timeline_refresh_drops(t, err);
}

int
timeline_find_time(const struct timeline *t, uint64_t ns, uint64_t *ret_index,
		   struct err *err)
{
	uint64_t low = 0, high = t->n;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct timeline_rec rec;

		if (timeline_read(t, middle, &rec, 1, err) < 0)
			return -1;
		if (rec.time_ns < ns)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_index = low;
	return 0;
}

struct found {
	uint64_t index;
	struct timeline_rec rec;
};

/* The first record of `stream' in [from, to): 1, or 0 if there is none. */
static int
next_of(const struct timeline *t, unsigned stream, uint64_t from, uint64_t to,
	struct found *ret, struct err *err)
{
	struct timeline_rec recs[BLOCK];
	size_t max = 8; /* usually it is near */

	while (from < to) {
		int n = timeline_read(t, from, recs,
				      (size_t)MIN(max, to - from), err);

		if (n <= 0)
			return n;
		for (int i = 0; i < n; i++) {
			if (recs[i].stream == stream && recs[i].length > 0) {
				ret->index = from + (uint64_t)i;
				ret->rec = recs[i];
				return 1;
			}
		}
		from += (uint64_t)n;
		max = BLOCK;
	}
	return 0;
}

int
timeline_find_offset(const struct timeline *t, unsigned stream, uint64_t offset,
		     uint64_t *ret_index, struct err *err)
{
	uint64_t low = 0, high = t->n, answer = t->n;

	if (offset >= t->end[stream])
		low = high;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct found found;
		int rc = next_of(t, stream, middle, high, &found, err);

		if (rc < 0)
			return -1;
		if (rc == 0) {
			high = middle;
		} else if (found.rec.offset + found.rec.length > offset) {
			answer = found.index;
			high = middle;
		} else {
			low = found.index + 1;
		}
	}
	*ret_index = answer;
	return 0;
}

/* One look each way, at most BLOCK records far: 1 if `stream' was met. */
static int
look_around(const struct timeline *t, unsigned stream, uint64_t below,
	    uint64_t above, uint64_t *ret_offset, struct err *err)
{
	uint64_t from = below - MIN(below, (uint64_t)BLOCK);
	struct timeline_rec recs[BLOCK];
	struct found found;
	int n = timeline_read(t, from, recs, (size_t)(below - from), err);
	int rc;

	if (n < 0)
		return -1;
	while (n-- > 0) {
		if (recs[n].stream == stream && recs[n].length > 0) {
			*ret_offset = recs[n].offset + recs[n].length;
			return 1;
		}
	}
	rc = next_of(t, stream, above, MIN(above + BLOCK, t->n), &found, err);
	if (rc > 0)
		*ret_offset = found.rec.offset;
	return rc;
}

int
timeline_position(const struct timeline *t, unsigned stream, uint64_t index,
		  uint64_t *ret_offset, struct err *err)
{
	uint64_t below = index, above = index;

	for (;;) {
		int rc;

		if (below == 0 || t->end[stream] == 0) {
			*ret_offset = 0;
			return 0;
		}
		if (above >= t->n) {
			*ret_offset = t->end[stream];
			return 0;
		}
		rc = look_around(t, stream, below, above, ret_offset, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		below -= MIN(below, (uint64_t)BLOCK);
		above += BLOCK;
	}
}
