/* SPDX-License-Identifier: ISC */

/* Local files sent; see put.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/macros.h"
#include "client/file/put.h"

#define PIECE (128u << 10) /* stays in the cache */
#define STEP (1u << 20)	   /* by the kernel */

/* A buffer of one process: there is one loop, and nothing is kept in it. */
static char piece[PIECE];

/*
 * One step of it by the kernel.  False: it must be read, which also finds out
 * what is wrong with it.
 */
static bool
feed_file(struct put *put, struct file_call *call, bool *ret_is_full)
{
	const struct file_ops *ops = call->files->ops;
	uint64_t n = MIN(put->size - put->at, (uint64_t)STEP);
	struct stat st;

	if (ops->write_file == NULL || fstat(put->fd, &st) < 0 ||
	    (uint64_t)st.st_size < put->at + n)
		return false;
	*ret_is_full = ops->write_file(call, put->fd, put->at, n);
	put->at += n;
	return true;
}

void
put_begin(struct put *put, struct file_call *call, uint64_t offset)
{
	put->at = MIN(offset, put->size);
	put_feed(put, call);
}

void
put_feed(struct put *put, struct file_call *call)
{
	bool is_full = false;

	while (!put->is_over && !is_full && put->at < put->size) {
		size_t want = (size_t)MIN(put->size - put->at,
					  (uint64_t)sizeof(piece));
		ssize_t got;

		if (feed_file(put, call, &is_full))
			continue;
		got = pread_full(put->fd, piece, want, put->at);
		if (got < (ssize_t)want) {
			/* Without its end the write fails over there. */
			put->error = got < 0 ? errno : ENODATA;
			put->is_over = true;
			file_write_end(call);
			return;
		}
		put->at += want;
		is_full = file_write(call, piece, want);
	}
	if (!put->is_over && put->at == put->size) {
		put->is_over = true;
		file_write_end(call);
	}
}

int
put_error(const struct put *put)
{
	struct stat st;

	/* What the kernel was to send it may have missed, and broken off. */
	if (put->error == 0 && put->fd >= 0 && fstat(put->fd, &st) == 0 &&
	    (uint64_t)st.st_size < put->size)
		return ENODATA;
	return put->error;
}

size_t
lf_filter(struct lf_filter *filter, const char *bytes, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (filter->has_cr && bytes[i] != '\n')
			out[len++] = '\r';
		filter->has_cr = bytes[i] == '\r';
		if (!filter->has_cr)
			out[len++] = bytes[i];
	}
	return len;
}

size_t
lf_filter_end(struct lf_filter *filter, char *out)
{
	size_t n = filter->has_cr;

	if (n)
		out[0] = '\r';
	filter->has_cr = false;
	return n;
}

/* A file without a name, on disk if there is a place for it. */
static int
open_nameless(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : memfd_create("berth", MFD_CLOEXEC);
}

static int
copy(int from, int to, bool lf)
{
	struct lf_filter filter = { false };
	static char out[PIECE + 1];
	ssize_t got;
	size_t n;

	while ((got = read(from, piece, sizeof(piece))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		n = lf_filter(&filter, piece, (size_t)got, out);
		if ((lf ? write_full(to, out, n)
			: write_full(to, piece, (size_t)got)) < 0)
			return -1;
	}
	n = lf_filter_end(&filter, out);
	return lf && write_full(to, out, n) < 0 ? -1 : 0;
}

int
put_spool(int fd, bool lf, uint64_t *ret_size, struct err *err)
{
	AUTO_CLOSE int to = -1;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "failed to read");
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "is a directory");
	if (!lf && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    lseek(fd, 0, SEEK_CUR) == 0) {
		to = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	} else {
		to = open_nameless();
		if (to < 0 || copy(fd, to, lf) < 0 || fstat(to, &st) < 0)
			return err_sys(err, "failed to read");
	}
	*ret_size = (uint64_t)st.st_size;
	return to < 0 ? err_sys(err, "failed to read") : TAKE_FD(to);
}
