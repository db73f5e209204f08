/* SPDX-License-Identifier: ISC */

/*
 * The queue of a descriptor; see sendq.h.
 *
 * A range of a file costs a descriptor while it waits.  Small ranges are
 * therefore read and wait as bytes: with the bytes that wait, the descriptors
 * are bounded, too.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"

#include "http/sendq.h"

#define FILE_STEP (1u << 20)   /* one sendfile */
#define SMALL_FILE (64u << 10) /* read rather than kept open */
#define COPY_SIZE (64u << 10)  /* where sendfile cannot */
#define JOIN_MAX (256u << 10)  /* small pieces join up to this size */
#define MAX_IOV 16

struct piece {
	struct list link;
	int file; /* -1: bytes */
	uint64_t offset, n;
	struct buf bytes;
};

void
sendq_init(struct sendq *q, bool is_socket)
{
	list_init(&q->pieces);
	q->n_bytes = 0;
	q->is_socket = is_socket;
}

static void
piece_free(struct piece *piece)
{
	list_unlink(&piece->link);
	if (piece->file >= 0)
		close(piece->file);
	buf_fini(&piece->bytes);
	free(piece);
}

static struct piece *
first_piece(const struct sendq *q)
{
	return list_entry(q->pieces.next, struct piece, link);
}

void
sendq_clear(struct sendq *q)
{
	while (!list_is_empty(&q->pieces))
		piece_free(first_piece(q));
	q->n_bytes = 0;
}

/* What the descriptor takes of `iov' now; 0 if it is full. */
static ssize_t
put_iov(const struct sendq *q, int fd, const struct iovec *iov, size_t n,
	bool more)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov,
			      .msg_iovlen = n };
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
	ssize_t put;

	do
		put = q->is_socket ? sendmsg(fd, &msg, flags)
				   : writev(fd, iov, (int)n);
	while (put < 0 && errno == EINTR);
	return put < 0 && errno == EAGAIN ? 0 : put;
}

/* Terminals and files of /proc do without sendfile. */
static ssize_t
copy_file(const struct sendq *q, int fd, int file, uint64_t offset, uint64_t n)
{
	uint8_t room[COPY_SIZE];
	struct iovec iov = { .iov_base = room };
	ssize_t got;

	got = pread(file, room, MIN(n, (uint64_t)sizeof(room)), (off_t)offset);
	if (got == 0)
		errno = ENODATA;
	if (got <= 0)
		return -1;
	iov.iov_len = (size_t)got;
	return put_iov(q, fd, &iov, 1, false);
}

/* What the descriptor takes of a file now; 0 if it is full. */
static ssize_t
put_file(const struct sendq *q, int fd, int file, uint64_t offset, uint64_t n)
{
	off_t at = (off_t)offset;
	ssize_t put;

	do
		put = sendfile(fd, file, &at, MIN(n, (uint64_t)FILE_STEP));
	while (put < 0 && errno == EINTR);
	if (put > 0)
		return put;
	if (put == 0) {
		errno = ENODATA;
		return -1;
	}
	if (errno == EINVAL || errno == ENOSYS)
		return copy_file(q, fd, file, offset, n);
	return errno == EAGAIN ? 0 : -1;
}

/* Send the bytes in front of the queue. */
static ssize_t
put_bytes(struct sendq *q, int fd)
{
	struct iovec iov[MAX_IOV];
	struct piece *piece;
	bool more = false;
	size_t n = 0, left;
	ssize_t put;

	list_for_each (piece, &q->pieces, link) {
		more = piece->file >= 0;
		if (more || n == MAX_IOV)
			break;
		iov[n].iov_base = buf_bytes(&piece->bytes);
		iov[n++].iov_len = piece->bytes.len;
	}
	put = put_iov(q, fd, iov, n, more);
	for (left = put > 0 ? (size_t)put : 0; left > 0;) {
		size_t step;

		piece = first_piece(q);
		step = MIN(left, piece->bytes.len);
		buf_consume(&piece->bytes, step);
		left -= step;
		if (piece->bytes.len == 0)
			piece_free(piece);
	}
	return put;
}

static ssize_t
put_first(struct sendq *q, int fd)
{
	struct piece *piece = first_piece(q);
	ssize_t put;

	if (piece->file < 0)
		return put_bytes(q, fd);
	put = put_file(q, fd, piece->file, piece->offset, piece->n);
	if (put <= 0)
		return put;
	piece->offset += (uint64_t)put;
	piece->n -= (uint64_t)put;
	if (piece->n == 0)
		piece_free(piece);
	return put;
}

int
sendq_flush(struct sendq *q, int fd, size_t max)
{
	size_t done = 0;

	while (q->n_bytes > 0 && done < max) {
		ssize_t put = put_first(q, fd);

		if (put <= 0)
			return (int)put;
		q->n_bytes -= (uint64_t)put;
		done += (size_t)put;
	}
	return 0;
}

static void
keep_bytes(struct sendq *q, const void *bytes, size_t n)
{
	struct piece *last = list_entry(q->pieces.prev, struct piece, link);

	q->n_bytes += n;
	if (!list_is_empty(&q->pieces) && last->file < 0 &&
	    last->bytes.len + n <= JOIN_MAX) {
		buf_add(&last->bytes, bytes, n);
		return;
	}
	last = xcalloc(1, sizeof(*last));
	last->file = -1;
	buf_init(&last->bytes, SIZE_MAX - 1);
	buf_add(&last->bytes, bytes, n);
	list_append(&q->pieces, &last->link);
}

int
sendq_add(struct sendq *q, int fd, const struct iovec *pieces, size_t n,
	  bool more)
{
	ssize_t put = 0;
	size_t taken;

	if (q->n_bytes == 0)
		put = put_iov(q, fd, pieces, n, more);
	if (put < 0)
		return -1;
	taken = (size_t)put;
	for (size_t i = 0; i < n; i++) {
		size_t step = MIN(taken, pieces[i].iov_len);

		taken -= step;
		if (step < pieces[i].iov_len)
			keep_bytes(q, (char *)pieces[i].iov_base + step,
				   pieces[i].iov_len - step);
	}
	return 0;
}

static int
keep_small_file(struct sendq *q, int file, uint64_t offset, size_t n)
{
	uint8_t room[SMALL_FILE];
	ssize_t got = pread_full(file, room, n, offset);

	if (got < 0)
		return -1;
	if ((size_t)got < n) {
		errno = ENODATA;
		return -1;
	}
	keep_bytes(q, room, n);
	return 0;
}

static int
keep_file(struct sendq *q, int file, uint64_t offset, uint64_t n)
{
	int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
	struct piece *piece;

	if (copy < 0)
		return -1;
	piece = xcalloc(1, sizeof(*piece));
	piece->file = copy;
	piece->offset = offset;
	piece->n = n;
	list_append(&q->pieces, &piece->link);
	q->n_bytes += n;
	return 0;
}

int
sendq_add_file(struct sendq *q, int fd, int file, uint64_t offset, uint64_t n)
{
	ssize_t put = 0;

	if (q->n_bytes == 0 && n > 0)
		put = put_file(q, fd, file, offset, n);
	if (put < 0)
		return -1;
	offset += (uint64_t)put;
	n -= (uint64_t)put;
	if (n == 0)
		return 0;
	if (n <= SMALL_FILE)
		return keep_small_file(q, file, offset, (size_t)n);
	return keep_file(q, file, offset, n);
}
