/* SPDX-License-Identifier: ISC */

/*
 * Output to files; see capture.h.
 *
 * A stream's file is made when its first byte comes: most commands never write
 * to one of the two, and a file costs more than a write.  The timeline is there
 * from the start, as followers watch it.
 *
 * Order per chunk: bytes, then their record.  The newest record stays in
 * memory while its stream goes on within MERGE_NS, so that a chatty command
 * costs one record per 10 ms and not one per line; capture_flush writes it
 * before the holder sleeps.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "berthd/exec/capture.h"
#include "core/fs.h"

/*
 * One read(2), and what a busy pipe is made to hold.  Twice as much takes twice
 * the processor time: the bytes are not in the cache any more when they are
 * copied on.
 */
#define CHUNK (128u << 10)

/* What a pipe holds if nobody asked for more. */
#define PIPE_SIZE (64u << 10)

#define MERGE_NS (10 * NS_PER_MS)
#define MAX_RECORD (64u << 20)

/* A cap is held in steps of an eighth, which are whole blocks. */
#define MIN_CAP (64u << 10)
#define BLOCK 4096

/* More than a terminal can hold back. */
#define TTY_HELD (128u << 10)

/*
 * For one read at a time, of whichever stream.  It is there from the start, so
 * that no output can be lost for want of it, and takes room when it is used.
 */
static uint8_t buffer[CHUNK] __attribute__((aligned(BLOCK)));

static const char *const file_names[] = { "out", "err" };

/* Nothing is ever truncated: a holder creates its files exactly once. */
static int
create_file(int dir_fd, const char *name, struct err *err)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			0600);

	return fd < 0 ? err_sys(err, "create %s", name) : fd;
}

int
capture_open(struct capture *capture, int dir_fd, uint64_t cap,
	     const struct clock_base *clock, struct err *err)
{
	*capture = (struct capture){ .dir_fd = dir_fd,
				     .timeline_fd = -1,
				     .drops_fd = -1,
				     .clock = *clock,
				     .cap = cap ? MAX(cap, MIN_CAP) : 0 };
	for (unsigned i = 0; i < TIMELINE_STREAMS; i++)
		capture->streams[i] = (struct capture_stream){ .in_fd = -1,
							       .file_fd = -1 };
	capture->timeline_fd = create_file(dir_fd, "timeline", err);
	return capture->timeline_fd < 0 ? -1 : 0;
}

void
capture_close(struct capture *capture)
{
	for (unsigned i = 0; i < TIMELINE_STREAMS; i++) {
		fd_close(&capture->streams[i].in_fd);
		fd_close(&capture->streams[i].file_fd);
	}
	fd_close(&capture->timeline_fd);
	fd_close(&capture->drops_fd);
}

void
capture_attach(struct capture *capture, enum timeline_stream stream, int fd)
{
	fd_set_nonblock(fd);
	capture->streams[stream].in_fd = fd;
}

int
capture_fd(const struct capture *capture, enum timeline_stream stream)
{
	return capture->streams[stream].in_fd;
}

bool
capture_is_open(const struct capture *capture)
{
	return capture->streams[TIMELINE_OUT].in_fd >= 0 ||
	       capture->streams[TIMELINE_ERR].in_fd >= 0;
}

/* Now, but never before the last record. */
static uint64_t
next_time(struct capture *capture)
{
	uint64_t now = clock_base_ns(&capture->clock);

	capture->last_ns = MAX(now, capture->last_ns);
	return capture->last_ns;
}

/* Join the oldest record with the next of its stream, if `may' allows. */
static bool
join_pending(struct capture *capture,
	     bool (*may)(struct capture *, struct timeline_rec *,
			 const struct timeline_rec *))
{
	struct timeline_rec *recs = capture->pending;

	for (unsigned i = 0; i < capture->n_pending; i++) {
		unsigned j = i + 1;

		while (j < capture->n_pending &&
		       recs[j].stream != recs[i].stream)
			j++;
		if (j == capture->n_pending ||
		    (uint64_t)recs[i].length + recs[j].length > UINT32_MAX ||
		    !may(capture, &recs[i], &recs[j]))
			continue;
		recs[i].length += recs[j].length;
		capture->n_pending--;
		memmove(&recs[j], &recs[j + 1],
			(capture->n_pending - j) * sizeof(*recs));
		return true;
	}
	return false;
}

static bool
is_same_kind(struct capture *capture UNUSED, struct timeline_rec *first,
	     const struct timeline_rec *second)
{
	return first->kind == second->kind;
}

static bool
make_both_lost(struct capture *capture, struct timeline_rec *first,
	       const struct timeline_rec *second)
{
	if (first->kind == TIMELINE_DATA)
		capture->lost += first->length;
	if (second->kind == TIMELINE_DATA)
		capture->lost += second->length;
	first->kind = TIMELINE_LOST;
	return true;
}

/*
 * The disk takes no records: make room by joining the oldest of a stream with
 * its next one of the same kind.  Their order against the other stream
 * becomes coarse; no byte is forgotten.  Where bytes that were stored and
 * bytes that were not take turns, a pair of them is given up for lost.
 */
static void
squeeze_pending(struct capture *capture)
{
	if (!join_pending(capture, is_same_kind))
		(void)join_pending(capture, make_both_lost);
}

static void
add_record(struct capture *capture, unsigned stream, enum timeline_kind kind,
	   uint64_t offset, uint32_t length)
{
	uint64_t now = next_time(capture);
	struct timeline_rec *last = NULL;

	if (length == 0)
		return;
	if (capture->n_pending > 0)
		last = &capture->pending[capture->n_pending - 1];
	if (last && last->stream == stream && last->kind == kind &&
	    now - last->time_ns < MERGE_NS &&
	    last->length + (uint64_t)length <= MAX_RECORD) {
		last->length += length;
		return;
	}
	if (capture->n_pending > 0)
		(void)capture_flush(capture);
	if (capture->n_pending == CAPTURE_MAX_PENDING)
		squeeze_pending(capture);
	assert(capture->n_pending < CAPTURE_MAX_PENDING);
	capture->pending[capture->n_pending++] = (struct timeline_rec){
		.time_ns = now,
		.offset = offset,
		.length = length,
		.stream = (uint8_t)stream,
		.kind = kind,
	};
}

bool
capture_flush(struct capture *capture)
{
	size_t bytes = capture->n_pending * sizeof(capture->pending[0]), whole;
	off_t end;
	ssize_t put;

	if (bytes == 0)
		return true;
	put = write(capture->timeline_fd, capture->pending, bytes);
	if (put < 0)
		return false;
	whole = (size_t)put / sizeof(capture->pending[0]);
	if ((size_t)put % sizeof(capture->pending[0]) != 0) {
		/* A torn record would put all later ones out of step. */
		end = lseek(capture->timeline_fd, 0, SEEK_CUR);
		end -= end % (off_t)sizeof(capture->pending[0]);
		(void)lseek(capture->timeline_fd, end, SEEK_SET);
		(void)!ftruncate(capture->timeline_fd, end);
	}
	capture->n_pending -= (unsigned)whole;
	memmove(capture->pending, capture->pending + whole,
		capture->n_pending * sizeof(capture->pending[0]));
	return capture->n_pending == 0;
}

/* Note first, release second: a reader must never take a hole for bytes. */
static bool
note_drop(struct capture *capture, unsigned stream, uint64_t from, uint64_t to)
{
	struct timeline_drop drop = { .from = from,
				      .to = to,
				      .stream = (uint8_t)stream };
	ssize_t put;
	off_t end;

	if (capture->drops_fd < 0)
		capture->drops_fd = openat(
		    capture->dir_fd, "drops",
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (capture->drops_fd < 0)
		return false;
	put = write(capture->drops_fd, &drop, sizeof(drop));
	if (put == (ssize_t)sizeof(drop))
		return true;
	end = lseek(capture->drops_fd, 0, SEEK_END);
	if (put > 0 &&
	    ftruncate(capture->drops_fd, end - end % (off_t)sizeof(drop)) < 0) {
		/* Out of step for good: nothing more can be noted. */
		capture->cannot_punch = true;
	}
	return false;
}

static uint64_t
step_of(const struct capture *capture)
{
	return capture->cap / 8 / BLOCK * BLOCK;
}

/*
 * Hold the stream below its cap, in steps of an eighth so that it is rare.
 * False: it cannot be held, so the next bytes must not be stored.
 */
static bool
hold_cap(struct capture *capture, unsigned stream, uint64_t coming)
{
	struct capture_stream *s = &capture->streams[stream];
	uint64_t step = step_of(capture), head = step, kept, from, to;

	from = s->dropped ? s->dropped : head;
	kept = s->size - (from - head);
	if (kept + coming <= capture->cap)
		return true;
	to = from + (kept + coming - capture->cap + step - 1) / step * step;
	if (to > s->size || capture->cannot_punch)
		return false;
	if (!note_drop(capture, stream, head, to))
		return false;
	s->dropped = to;
	if (fallocate(s->file_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)from, (off_t)(to - from)) < 0) {
		/* What was noted stays true: those bytes are not served. */
		capture->cannot_punch = true;
		return false;
	}
	return true;
}

/* There is one, or it could be made now; a full disk may have room later. */
static bool
has_file(struct capture *capture, unsigned stream)
{
	struct capture_stream *s = &capture->streams[stream];

	if (s->file_fd < 0)
		s->file_fd = create_file(capture->dir_fd, file_names[stream],
					 &(struct err)ERR_INIT);
	return s->file_fd >= 0;
}

static void
store_piece(struct capture *capture, unsigned stream, const uint8_t *bytes,
	    size_t n)
{
	struct capture_stream *s = &capture->streams[stream];
	uint64_t start = s->size;
	size_t done = 0;

	if (has_file(capture, stream) &&
	    (capture->cap == 0 || hold_cap(capture, stream, n))) {
		while (done < n) {
			ssize_t put = pwrite(s->file_fd, bytes + done, n - done,
					     (off_t)(start + done));

			if (put < 0 && errno == EINTR)
				continue;
			if (put <= 0)
				break;
			done += (size_t)put;
		}
	}
	s->size += n;
	capture->lost += n - done;
	add_record(capture, stream, TIMELINE_DATA, start, (uint32_t)done);
	add_record(capture, stream, TIMELINE_LOST, start + done,
		   (uint32_t)(n - done));
}

/* In pieces for which there can be room below the cap. */
static void
store(struct capture *capture, unsigned stream, const uint8_t *bytes, size_t n)
{
	size_t most = capture->cap ? (size_t)step_of(capture) : n;

	while (n > 0) {
		size_t piece = MIN(n, most);

		store_piece(capture, stream, bytes, piece);
		bytes += piece;
		n -= piece;
	}
}

bool
capture_read(struct capture *capture, enum timeline_stream stream, uint64_t max)
{
	struct capture_stream *s = &capture->streams[stream];
	uint64_t done = 0;

	while (done < max && s->in_fd >= 0) {
		size_t want = MIN(max - done, (uint64_t)CHUNK);
		ssize_t got = read(s->in_fd, buffer, want);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return false;
		if (got <= 0) {
			/* The end; EIO is how a terminal says it. */
			fd_close(&s->in_fd);
			return false;
		}
		store(capture, stream, buffer, (size_t)got);
		done += (uint64_t)got;
		/* It was full: a larger one lets both sides run longer. */
		if (got == PIPE_SIZE)
			(void)fcntl(s->in_fd, F_SETPIPE_SZ, CHUNK);
	}
	return s->in_fd >= 0;
}

/*
 * A pipe says exactly how much it holds.  A terminal does not: what was
 * written to it may still be on its way, and reading is what waits for it.
 */
static uint64_t
held_by(int fd)
{
	int there = 0;

	if (isatty(fd))
		return TTY_HELD;
	(void)ioctl(fd, FIONREAD, &there);
	return there > 0 ? (uint64_t)there : 0;
}

void
capture_drain(struct capture *capture)
{
	for (unsigned i = 0; i < TIMELINE_STREAMS; i++) {
		int fd = capture->streams[i].in_fd;

		if (fd < 0)
			continue;
		(void)capture_read(capture, i, held_by(fd));
		/* At the end of a stream this sees it: no bytes, no wait. */
		if (capture->streams[i].in_fd >= 0 && held_by(fd) == 0)
			(void)capture_read(capture, i, 1);
	}
}

void
capture_idle(void)
{
	(void)madvise(buffer, CHUNK, MADV_DONTNEED);
}

/*
 * All files are sent on their way before the first is waited for, so that one
 * commit of a journal does for them.  Without output there is nothing to keep.
 */
void
capture_sync(struct capture *capture)
{
	int fds[] = { capture->timeline_fd,
		      capture->streams[TIMELINE_OUT].file_fd,
		      capture->streams[TIMELINE_ERR].file_fd };

	if (capture->streams[TIMELINE_OUT].size +
		capture->streams[TIMELINE_ERR].size ==
	    0)
		return;
	(void)capture_flush(capture);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			(void)sync_file_range(fds[i], 0, 0,
					      SYNC_FILE_RANGE_WRITE);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			(void)fdatasync(fds[i]);
	}
	if (!fs_syncs_names(capture->timeline_fd))
		(void)fsync(capture->dir_fd);
}
