/* SPDX-License-Identifier: ISC */

#include "berthd/exec/capture.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/mem.h"

#define MAX_MODEL (16u << 20)

/* A capture of two pipes, and what was written into them. */
struct rig {
	const char *dir;
	int dir_fd;
	struct capture capture;
	int to[TIMELINE_STREAMS]; /* our ends of the pipes; -1: closed */
	struct buf model[TIMELINE_STREAMS];
};

static void
rig_open_in(struct rig *rig, const char *dir, uint64_t cap)
{
	struct clock_base clock;
	struct err err = ERR_INIT;

	clock_base_init(&clock);
	rig->dir = dir;
	rig->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(
	    capture_open(&rig->capture, rig->dir_fd, cap, &clock, &err), 0);
	for (unsigned i = 0; i < TIMELINE_STREAMS; i++) {
		int ends[2];

		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		capture_attach(&rig->capture, i, ends[0]);
		fd_set_nonblock(ends[1]);
		rig->to[i] = ends[1];
		buf_init(&rig->model[i], MAX_MODEL);
	}
}

static void
rig_open(struct rig *rig, uint64_t cap)
{
	rig_open_in(rig, unit_temp_dir(), cap);
}

static void
rig_close(struct rig *rig)
{
	capture_close(&rig->capture);
	for (unsigned i = 0; i < TIMELINE_STREAMS; i++) {
		if (rig->to[i] >= 0)
			close(rig->to[i]);
		buf_fini(&rig->model[i]);
	}
	close(rig->dir_fd);
}

/* Write `n' bytes of noise, as many as fit the pipe at once. */
static void
rig_write(struct rig *rig, unsigned stream, size_t n)
{
	uint8_t bytes[65536];
	ssize_t put;

	n = MIN(n, sizeof(bytes));
	for (size_t i = 0; i < n; i += 8) {
		uint64_t r = unit_random();

		memcpy(bytes + i, &r, MIN(sizeof(r), n - i));
	}
	put = write(rig->to[stream], bytes, n);
	if (put > 0)
		assert_int_equal(
		    buf_add(&rig->model[stream], bytes, (size_t)put), 0);
}

static void
rig_read(struct rig *rig, unsigned stream)
{
	while (capture_read(&rig->capture, stream, 1 << 20))
		;
}

static void
rig_finish(struct rig *rig)
{
	for (unsigned i = 0; i < TIMELINE_STREAMS; i++) {
		close(rig->to[i]);
		rig->to[i] = -1;
		rig_read(rig, i);
	}
	assert_false(capture_is_open(&rig->capture));
}

static size_t
read_records(const struct rig *rig, struct timeline_rec **ret)
{
	AUTO_BUF text = BUF_INIT(MAX_MODEL);
	struct err err = ERR_INIT;
	size_t n;

	assert_int_equal(fs_read_file(rig->dir_fd, "timeline", &text, &err), 0);
	assert_int_equal(text.len % TIMELINE_REC_SIZE, 0);
	n = text.len / TIMELINE_REC_SIZE;
	*ret = (struct timeline_rec *)(void *)buf_take(&text);
	return n;
}

/*
 * What holds of every log: per stream the records follow each other without a
 * gap, times never decrease, DATA is what was written, and LOST is counted.
 */
static void
rig_check(const struct rig *rig, uint64_t dropped_to[TIMELINE_STREAMS],
	  uint64_t dropped_from[TIMELINE_STREAMS])
{
	static const char *const names[] = { "out", "err" };
	AUTO_FREE struct timeline_rec *recs = NULL;
	size_t n = read_records(rig, &recs);
	uint64_t at[TIMELINE_STREAMS] = { 0, 0 }, last = 0, lost = 0;
	struct buf file[TIMELINE_STREAMS];
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < TIMELINE_STREAMS; i++) {
		buf_init(&file[i], MAX_MODEL);
		/* It comes with its first byte. */
		if (fs_read_file(rig->dir_fd, names[i], &file[i], &err) < 0)
			assert_int_equal(rig->model[i].len, 0);
	}
	for (size_t i = 0; i < n; i++) {
		const struct timeline_rec *r = &recs[i];
		const struct buf *model = &rig->model[r->stream];

		assert_int_equal(r->offset, at[r->stream]);
		assert_true(r->time_ns >= last && r->length > 0);
		last = r->time_ns;
		at[r->stream] += r->length;
		assert_true(at[r->stream] <= model->len);
		lost += r->kind == TIMELINE_LOST ? r->length : 0;
		for (uint64_t k = r->offset;
		     r->kind == TIMELINE_DATA && k < at[r->stream]; k++) {
			if (dropped_to && k >= dropped_from[r->stream] &&
			    k < dropped_to[r->stream])
				continue;
			if (k >= file[r->stream].len ||
			    buf_bytes(&file[r->stream])[k] !=
				buf_bytes(model)[k])
				fail_msg("stream %d differs at %llu", r->stream,
					 (unsigned long long)k);
		}
	}
	for (unsigned i = 0; i < TIMELINE_STREAMS; i++) {
		assert_int_equal(at[i], rig->model[i].len);
		assert_int_equal(rig->capture.streams[i].size, at[i]);
		buf_fini(&file[i]);
	}
	assert_int_equal(rig->capture.lost, lost);
}

static void
every_byte_is_stored_once_in_order(void **state UNUSED)
{
	struct rig rig;

	for (int round = 0; round < 4; round++) {
		rig_open(&rig, 0);
		for (int i = 0; i < 300; i++) {
			unsigned stream = (unsigned)unit_below(2);

			rig_write(&rig, stream,
				  1 + unit_below(i % 7 ? 200 : 65536));
			if (unit_below(3) == 0)
				(void)capture_read(&rig.capture,
						   (unsigned)unit_below(2),
						   1 + unit_below(30000));
			if (unit_below(5) == 0)
				assert_true(capture_flush(&rig.capture));
			if (unit_below(20) == 0)
				capture_idle();
		}
		rig_finish(&rig);
		assert_true(capture_flush(&rig.capture));
		capture_sync(&rig.capture);
		rig_check(&rig, NULL, NULL);
		rig_close(&rig);
	}
}

static void
what_comes_together_is_one_record(void **state UNUSED)
{
	AUTO_FREE struct timeline_rec *recs = NULL;
	struct rig rig;

	rig_open(&rig, 0);
	for (int i = 0; i < 20; i++) {
		rig_write(&rig, TIMELINE_OUT, 10);
		rig_read(&rig, TIMELINE_OUT);
		/* As if all of this took no time. */
		rig.capture.pending[0].time_ns = rig.capture.last_ns =
		    UINT64_MAX / 2;
	}
	assert_true(capture_flush(&rig.capture));
	assert_int_equal(read_records(&rig, &recs), 1);
	assert_int_equal(recs[0].length, 200);
	rig_finish(&rig);
	rig_close(&rig);
}

static void
what_comes_later_is_a_record_of_its_own(void **state UNUSED)
{
	AUTO_FREE struct timeline_rec *recs = NULL;
	struct rig rig;

	rig_open(&rig, 0);
	rig_write(&rig, TIMELINE_OUT, 10);
	rig_read(&rig, TIMELINE_OUT);
	rig.capture.pending[0].time_ns -= 11 * NS_PER_MS;
	rig_write(&rig, TIMELINE_OUT, 10);
	rig_read(&rig, TIMELINE_OUT);
	/* The other stream is never joined, however soon. */
	rig_write(&rig, TIMELINE_ERR, 10);
	rig_read(&rig, TIMELINE_ERR);
	assert_true(capture_flush(&rig.capture));
	assert_int_equal(read_records(&rig, &recs), 3);
	assert_int_equal(recs[2].stream, TIMELINE_ERR);
	rig_check(&rig, NULL, NULL);
	rig_finish(&rig);
	rig_close(&rig);
}

static void
time_never_goes_back(void **state UNUSED)
{
	struct rig rig;

	rig_open(&rig, 0);
	for (int i = 0; i < 3; i++) {
		rig_write(&rig, i % 2, 10);
		rig_read(&rig, i % 2);
		/* Somebody set the clock. */
		rig.capture.clock.wall_ns -= NS_PER_S;
	}
	assert_true(capture_flush(&rig.capture));
	rig_check(&rig, NULL, NULL);
	rig_close(&rig);
}

static void
nothing_that_is_there_is_overwritten(void **state UNUSED)
{
	struct clock_base clock;
	struct capture capture;
	struct err err = ERR_INIT;
	struct rig rig;

	clock_base_init(&clock);
	rig_open(&rig, 0);
	assert_int_equal(capture_open(&capture, rig.dir_fd, 0, &clock, &err),
			 -1);
	assert_err(err, ERR_SYSTEM, "create timeline: File exists");
	capture_close(&capture);
	rig_close(&rig);
}

/* The last whole record of each stream, and that they only grow. */
static void
read_drops(const struct rig *rig, uint64_t from[TIMELINE_STREAMS],
	   uint64_t to[TIMELINE_STREAMS])
{
	AUTO_BUF text = BUF_INIT(MAX_MODEL);
	struct err err = ERR_INIT;

	from[0] = from[1] = to[0] = to[1] = 0;
	if (fs_read_file(rig->dir_fd, "drops", &text, &err) < 0)
		return;
	assert_int_equal(text.len % TIMELINE_DROP_SIZE, 0);
	for (size_t i = 0; i < text.len; i += TIMELINE_DROP_SIZE) {
		struct timeline_drop drop;

		memcpy(&drop, buf_bytes(&text) + i, sizeof(drop));
		assert_true(drop.stream < TIMELINE_STREAMS);
		assert_true(drop.to > to[drop.stream]);
		assert_true(to[drop.stream] == 0 ||
			    drop.from == from[drop.stream]);
		from[drop.stream] = drop.from;
		to[drop.stream] = drop.to;
	}
}

static bool
can_punch_holes(const char *dir)
{
	AUTO_FREE char *path = xasprintf("%s/probe", dir);
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	(void)unlink(path);
	return ftruncate(fd, 1 << 20) == 0 &&
	       fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 65536) == 0;
}

/* Output far beyond its cap, in pieces of up to `piece' bytes. */
static void
overflow(uint64_t cap, size_t piece, uint64_t total)
{
	uint64_t from[TIMELINE_STREAMS], to[TIMELINE_STREAMS];
	struct stat st;
	struct rig rig;

	rig_open(&rig, cap);
	if (!can_punch_holes(rig.dir)) {
		rig_close(&rig);
		print_message("# no holes in this file system\n");
		skip();
	}
	(void)fcntl(rig.to[0], F_SETPIPE_SZ, 1 << 20);
	while (rig.model[0].len < total) {
		for (size_t n = 0; n < piece; n += 65536)
			rig_write(&rig, TIMELINE_OUT, MIN(piece - n, 65536u));
		rig_read(&rig, TIMELINE_OUT);
		assert_int_equal(fstat(rig.capture.streams[0].file_fd, &st), 0);
		/* Whole blocks at both edges of the hole stay. */
		assert_true((uint64_t)st.st_blocks * 512 <= cap + 3 * 4096);
	}
	assert_true(capture_flush(&rig.capture));
	read_drops(&rig, from, to);
	assert_true(to[0] > from[0] && to[1] == 0);
	/* The head in whole blocks, and the newest half at least. */
	assert_true(from[0] > cap / 8 - 4096 && to[0] + cap / 2 <= total);
	assert_int_equal(rig.capture.lost, 0);
	rig_check(&rig, to, from);
	rig_close(&rig);
}

static void
beyond_its_cap_a_log_loses_its_middle(void **state UNUSED)
{
	overflow(1 << 20, 50000, 6 << 20);
}

static void
a_cap_holds_against_large_writes(void **state UNUSED)
{
	overflow(512 << 10, 1 << 20, 6 << 20);
}

static void
a_small_cap_keeps_head_and_tail_too(void **state UNUSED)
{
	overflow(100 << 10, 60000, 2 << 20);
	overflow(64 << 10, 65536, 1 << 20);
}

static void
where_no_holes_can_be_the_rest_is_lost(void **state UNUSED)
{
	uint64_t from[TIMELINE_STREAMS], to[TIMELINE_STREAMS];
	struct rig rig;
	struct stat st;

	rig_open(&rig, 1 << 20);
	rig.capture.cannot_punch = true;
	for (int i = 0; i < 64; i++) {
		rig_write(&rig, TIMELINE_OUT, 65536);
		rig_read(&rig, TIMELINE_OUT);
	}
	assert_true(capture_flush(&rig.capture));
	read_drops(&rig, from, to);
	assert_int_equal(to[0], 0);
	assert_int_equal(fstat(rig.capture.streams[0].file_fd, &st), 0);
	assert_in_range((uintmax_t)st.st_blocks * 512, 1 << 19, 1 << 20);
	assert_true(rig.capture.lost >= 3u << 20);
	rig_check(&rig, NULL, NULL);
	rig_close(&rig);
}

/* A file system of its own, `size' bytes large; NULL: not possible here. */
static const char *
small_disk(const char *size)
{
	AUTO_FREE char *options = xasprintf("size=%s,mode=0700", size);
	const char *dir = unit_temp_dir();

	if (geteuid() != 0 ||
	    mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return NULL;
	return dir;
}

/* Fill the disk with another file; returns its descriptor. */
static int
fill_disk(const char *dir)
{
	static const char zeros[4096];
	AUTO_FREE char *path = xasprintf("%s/ballast", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	return fd;
}

static void
a_full_disk_loses_bytes_and_says_which(void **state UNUSED)
{
	const char *dir = small_disk("2m");
	struct rig rig;
	uint64_t lost;
	int ballast;

	if (dir == NULL) {
		print_message("# mounting needs root\n");
		skip();
	}
	rig_open_in(&rig, dir, 0);
	rig_write(&rig, TIMELINE_OUT, 20000);
	rig_read(&rig, TIMELINE_OUT);
	assert_true(capture_flush(&rig.capture));
	ballast = fill_disk(dir);
	for (int i = 0; i < 10; i++) {
		rig_write(&rig, TIMELINE_OUT, 50000);
		rig_read(&rig, TIMELINE_OUT);
	}
	lost = rig.capture.lost;
	assert_in_range(lost, 400000, 500000);

	/* There is room again: from now on everything is kept. */
	assert_int_equal(ftruncate(ballast, 0), 0);
	rig_write(&rig, TIMELINE_OUT, 20000);
	rig_read(&rig, TIMELINE_OUT);
	assert_int_equal(rig.capture.lost, lost);
	assert_true(capture_flush(&rig.capture));
	rig_check(&rig, NULL, NULL);
	close(ballast);
	rig_close(&rig);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

static void
allow_file_size(rlim_t size)
{
	struct rlimit limit = { .rlim_cur = size, .rlim_max = RLIM_INFINITY };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* No record can be written while `limit' holds; the bytes can. */
static void
forbid_records(struct rig *rig)
{
	close(rig->capture.timeline_fd);
	rig->capture.timeline_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(rig->capture.timeline_fd >= 0);
}

static void
allow_records(struct rig *rig)
{
	close(rig->capture.timeline_fd);
	rig->capture.timeline_fd = openat(rig->dir_fd, "timeline",
					  O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(rig->capture.timeline_fd >= 0);
}

static void
records_that_the_disk_refuses_wait_and_are_squeezed(void **state UNUSED)
{
	struct rig rig;

	rig_open(&rig, 0);
	forbid_records(&rig);
	for (int i = 0; i < 2000; i++) {
		rig_write(&rig, i % 3 == 0, 1 + unit_below(100));
		rig_read(&rig, i % 3 == 0);
		/* As if long apart. */
		rig.capture.pending[rig.capture.n_pending - 1].time_ns -=
		    20 * NS_PER_MS;
	}
	assert_false(capture_flush(&rig.capture));
	assert_in_range(rig.capture.n_pending, 2, CAPTURE_MAX_PENDING);
	for (unsigned i = 0; i < rig.capture.n_pending; i++)
		rig.capture.pending[i].time_ns = i + 1;
	allow_records(&rig);
	assert_true(capture_flush(&rig.capture));
	rig_check(&rig, NULL, NULL);
	rig_close(&rig);
}

/*
 * Disk space that comes and goes makes DATA and LOST alternate: records of
 * different kinds, and still there must be room.
 */
static void
a_disk_that_flickers_cannot_overflow_the_records(void **state UNUSED)
{
	struct rig rig;

	rig_open(&rig, 0);
	forbid_records(&rig);
	(void)signal(SIGXFSZ, SIG_IGN);
	for (int i = 0; i < 1500; i++) {
		unsigned stream = (unsigned)unit_below(2);

		allow_file_size(i % 2 ? RLIM_INFINITY : 0);
		rig_write(&rig, stream, 10);
		rig_read(&rig, stream);
	}
	allow_file_size(RLIM_INFINITY);
	allow_records(&rig);
	assert_true(capture_flush(&rig.capture));
	rig_check(&rig, NULL, NULL);
	rig_close(&rig);
}

static void
a_torn_record_is_taken_back(void **state UNUSED)
{
	struct rig rig;

	rig_open(&rig, 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	for (int i = 0; i < 4; i++) {
		rig_write(&rig, i % 2, 10);
		rig_read(&rig, i % 2);
	}
	/* The first two records were flushed when others came. */
	allow_file_size(TIMELINE_REC_SIZE * 3 + 7);
	for (int i = 0; i < 4; i++) {
		rig_write(&rig, i % 2, 10);
		rig_read(&rig, i % 2);
	}
	assert_false(capture_flush(&rig.capture));
	allow_file_size(RLIM_INFINITY);
	assert_true(capture_flush(&rig.capture));
	rig_check(&rig, NULL, NULL);
	rig_close(&rig);
}

static void
a_torn_note_of_a_drop_is_taken_back(void **state UNUSED)
{
	uint64_t from[TIMELINE_STREAMS], to[TIMELINE_STREAMS];
	struct rig rig;

	rig_open(&rig, 256 << 10);
	if (!can_punch_holes(rig.dir)) {
		rig_close(&rig);
		print_message("# no holes in this file system\n");
		skip();
	}
	(void)signal(SIGXFSZ, SIG_IGN);
	for (int i = 0; i < 40; i++) {
		/* Every other note is cut after a few of its bytes. */
		AUTO_CLOSE int drops = openat(rig.dir_fd, "drops", O_RDONLY);
		struct stat st = { 0 };

		if (drops >= 0)
			assert_int_equal(fstat(drops, &st), 0);
		if (i % 2)
			allow_file_size((rlim_t)st.st_size + 9);
		rig_write(&rig, TIMELINE_OUT, 60000);
		rig_read(&rig, TIMELINE_OUT);
		allow_file_size(RLIM_INFINITY);
	}
	assert_true(capture_flush(&rig.capture));
	read_drops(&rig, from, to);
	assert_true(to[0] > from[0]);
	rig_check(&rig, to, from);
	rig_close(&rig);
}

static void
draining_takes_what_is_there_and_no_more(void **state UNUSED)
{
	struct rig rig;

	rig_open(&rig, 0);
	rig_write(&rig, TIMELINE_OUT, 65536);
	rig_write(&rig, TIMELINE_ERR, 5);
	close(rig.to[TIMELINE_ERR]);
	rig.to[TIMELINE_ERR] = -1;
	capture_drain(&rig.capture);
	assert_int_equal(rig.capture.streams[TIMELINE_OUT].size, 65536);
	assert_int_equal(rig.capture.streams[TIMELINE_ERR].size, 5);
	assert_true(capture_fd(&rig.capture, TIMELINE_OUT) >= 0);
	/* The end of the stream is seen on the way. */
	assert_int_equal(capture_fd(&rig.capture, TIMELINE_ERR), -1);
	rig_close(&rig);
}

/*
 * What a terminal was given may still be on its way through the kernel when
 * its last writer is gone.
 */
static void
draining_a_terminal_takes_its_last_words(void **state UNUSED)
{
	static char text[3000];

	memset(text, 'x', sizeof(text));
	for (int round = 0; round < 20; round++) {
		struct rig rig;
		char name[64];
		int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

		rig_open_in(&rig, unit_temp_dir(), 0);
		assert_true(master >= 0 && unlockpt(master) == 0);
		assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
		slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		close(capture_fd(&rig.capture, TIMELINE_OUT));
		capture_attach(&rig.capture, TIMELINE_OUT, master);
		assert_int_equal(write(slave, text, sizeof(text)),
				 sizeof(text));
		close(slave);
		capture_drain(&rig.capture);
		assert_int_equal(rig.capture.streams[TIMELINE_OUT].size,
				 sizeof(text));
		assert_int_equal(capture_fd(&rig.capture, TIMELINE_OUT), -1);
		rig_close(&rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_stored_once_in_order),
		cmocka_unit_test(what_comes_together_is_one_record),
		cmocka_unit_test(what_comes_later_is_a_record_of_its_own),
		cmocka_unit_test(time_never_goes_back),
		cmocka_unit_test(nothing_that_is_there_is_overwritten),
		cmocka_unit_test(beyond_its_cap_a_log_loses_its_middle),
		cmocka_unit_test(a_cap_holds_against_large_writes),
		cmocka_unit_test(a_small_cap_keeps_head_and_tail_too),
		cmocka_unit_test(where_no_holes_can_be_the_rest_is_lost),
		cmocka_unit_test(a_full_disk_loses_bytes_and_says_which),
		cmocka_unit_test(
		    records_that_the_disk_refuses_wait_and_are_squeezed),
		cmocka_unit_test(
		    a_disk_that_flickers_cannot_overflow_the_records),
		cmocka_unit_test(a_torn_record_is_taken_back),
		cmocka_unit_test(a_torn_note_of_a_drop_is_taken_back),
		cmocka_unit_test(draining_takes_what_is_there_and_no_more),
		cmocka_unit_test(draining_a_terminal_takes_its_last_words),
	};

	return RUN_TESTS(tests);
}
