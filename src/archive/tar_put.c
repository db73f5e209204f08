/* SPDX-License-Identifier: ISC */

/*
 * Files put into an archive; see tar_put.h.
 *
 * What an entry was when it was looked at decides how it is opened; what a file
 * is once it is open decides what its header says.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/macros.h"
#include "archive/tar.h"
#include "archive/tar_put.h"
#include "archive/walk.h"

void
tar_put_init(struct tar_put *put, unsigned flags, size_t max_piece)
{
	*put = (struct tar_put){ .flags = flags,
				 .max_piece = max_piece,
				 .fd = -1 };
}

void
tar_put_fini(struct tar_put *put)
{
	fd_close(&put->fd);
}

static int
skip(struct tar_put *put)
{
	put->n_skipped++;
	return 0;
}

static int
put_header(const struct tar_put *put, struct buf *out, enum tar_type type,
	   const struct walk_entry *e, const char *link)
{
	const struct tar_entry entry = {
		.type = type,
		.name = e->path,
		.link = link,
		.mode = e->st.st_mode & 0777,
		.size = type == TAR_FILE ? (uint64_t)e->st.st_size : 0,
	};
	struct tar_attr attr = { .mtime = e->st.st_mtim.tv_sec };

	if (put->flags & TAR_PUT_OWNERS) {
		attr.uid = e->st.st_uid;
		attr.gid = e->st.st_gid;
	}
	if (put->flags & TAR_PUT_NSEC)
		attr.mtime_nsec = e->st.st_mtim.tv_nsec;
	attr.is_brief = put->flags & TAR_PUT_BRIEF;
	return tar_add_header(out, &entry, &attr);
}

static int
put_file(struct tar_put *put, struct buf *out, const struct walk_entry *e)
{
	AUTO_CLOSE int fd = openat(e->dir_fd, e->name,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
				       O_NOCTTY | O_CLOEXEC);
	struct walk_entry now = *e;

	if (fd < 0 || fstat(fd, &now.st) < 0 || !S_ISREG(now.st.st_mode))
		return skip(put);
	if (put_header(put, out, TAR_FILE, &now, NULL) < 0)
		return -1;
	put->size = put->left = (uint64_t)now.st.st_size;
	put->is_short = false;
	if (put->left > 0)
		put->fd = TAKE_FD(fd);
	return 0;
}

static int
put_symlink(struct tar_put *put, struct buf *out, const struct walk_entry *e)
{
	char target[TAR_NAME_MAX + 1];
	ssize_t n = readlinkat(e->dir_fd, e->name, target, sizeof(target));

	if (n < 0 || (size_t)n == sizeof(target))
		return skip(put);
	target[n] = '\0';
	return put_header(put, out, TAR_SYMLINK, e, target);
}

int
tar_put_entry(struct tar_put *put, struct buf *out, const struct walk_entry *e)
{
	if (S_ISDIR(e->st.st_mode))
		return put_header(put, out, TAR_DIR, e, NULL);
	if (S_ISREG(e->st.st_mode))
		return put_file(put, out, e);
	if (S_ISLNK(e->st.st_mode))
		return put_symlink(put, out, e);
	return skip(put);
}

bool
tar_put_is_busy(const struct tar_put *put)
{
	return put->fd >= 0;
}

static int
end_file(struct tar_put *put, struct buf *out)
{
	fd_close(&put->fd);
	if (tar_add_padding(out, put->size) < 0)
		return -1;
	if (!put->is_short)
		return 0;
	put->n_spoilt++;
	return tar_add_spoilt(out);
}

int
tar_put_piece(struct tar_put *put, struct buf *out)
{
	size_t want = (size_t)MIN(put->left, (uint64_t)put->max_piece);
	uint8_t *room = buf_reserve(out, want);
	ssize_t got;

	if (room == NULL)
		return -1;
	got = read_full(put->fd, room, want);
	got = MAX(got, (ssize_t)0);
	memset(room + got, 0, want - (size_t)got);
	put->is_short |= (size_t)got < want;
	buf_commit(out, want);
	put->left -= want;
	return put->left > 0 ? 0 : end_file(put, out);
}
