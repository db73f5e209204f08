/* SPDX-License-Identifier: ISC */

/*
 * Picked files as an archive; see picked.h.
 *
 * Names come in order, so the directory of the last one is kept open: opening
 * it anew from the root for every file costs more than reading a small one.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/beneath.h"
#include "archive/picked.h"
#include "archive/tar.h"

#define PIECE (256u << 10)

struct picked {
	int root_fd;
	unsigned flags;
	const char *at, *end; /* names still to come */
	const char *name;     /* the current one */
	uint64_t n, n_skipped;
	char *parent; /* of the current one */
	int parent_fd;
	int fd; /* the current file, or -1 */
	uint64_t size, left;
	bool is_spoilt; /* it ended before its size */
	bool at_end;
};

struct picked *
picked_new(int dir_fd, const char *names, size_t n, unsigned flags)
{
	struct picked *p = xcalloc(1, sizeof(*p));

	p->root_fd = dir_fd;
	p->flags = flags;
	p->at = names;
	p->end = names + n;
	p->parent_fd = p->fd = -1;
	return p;
}

static void
drop_parent(struct picked *p)
{
	if (p->parent_fd >= 0)
		close(p->parent_fd);
	p->parent_fd = -1;
	free(p->parent);
	p->parent = NULL;
}

void
picked_free(struct picked *p)
{
	if (p == NULL)
		return;
	drop_parent(p);
	if (p->fd >= 0)
		close(p->fd);
	close(p->root_fd);
	free(p);
}

static bool
enter_parent(struct picked *p)
{
	const char *base = path_base(p->name);
	AUTO_FREE char *parent = xstrndup(
	    p->name, base > p->name ? (size_t)(base - p->name - 1) : 0);

	if (p->parent && str_eq(p->parent, parent))
		return true;
	drop_parent(p);
	p->parent_fd = beneath_open(p->root_fd, parent, O_PATH | O_DIRECTORY);
	p->parent = TAKE(parent);
	return p->parent_fd >= 0;
}

static int
add_header(const struct picked *p, struct buf *out, enum tar_type type,
	   const char *link, const struct stat *st)
{
	const struct tar_entry entry = {
		.type = type,
		.name = p->name,
		.link = link,
		.mode = st->st_mode & 0777,
		.size = type == TAR_FILE ? (uint64_t)st->st_size : 0,
	};
	const struct tar_attr attr = {
		.mtime = st->st_mtim.tv_sec,
		.mtime_nsec = p->flags & PICKED_SECONDS ? 0
							: st->st_mtim.tv_nsec,
	};

	return tar_add_header(out, &entry, &attr);
}

static int
skip(struct picked *p)
{
	p->n_skipped++;
	return 0;
}

static int
add_file(struct picked *p, struct buf *out, const char *base)
{
	AUTO_CLOSE int fd = openat(p->parent_fd, base,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
				       O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return skip(p);
	p->size = p->left = (uint64_t)st.st_size;
	if (add_header(p, out, TAR_FILE, NULL, &st) < 0)
		return -1;
	p->is_spoilt = false;
	if (p->left > 0)
		p->fd = TAKE_FD(fd);
	return 0;
}

static int
add_symlink(struct picked *p, struct buf *out, const char *base,
	    const struct stat *st)
{
	char target[TAR_NAME_MAX + 1];
	ssize_t n = readlinkat(p->parent_fd, base, target, sizeof(target));

	if (n < 0 || (size_t)n == sizeof(target))
		return skip(p);
	target[n] = '\0';
	return add_header(p, out, TAR_SYMLINK, target, st);
}

static int
add_name(struct picked *p, struct buf *out)
{
	const char *base = path_base(p->name);
	struct stat st;

	if (p->name[0] == '\0' || p->name[0] == '/' ||
	    strlen(p->name) > TAR_NAME_MAX || str_eq(base, "..") ||
	    str_eq(base, ".") || !enter_parent(p))
		return skip(p);
	if (p->flags & PICKED_FILES)
		return add_file(p, out, base);
	/* Devices are not for opening. */
	if (fstatat(p->parent_fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return skip(p);
	if (S_ISDIR(st.st_mode))
		return add_header(p, out, TAR_DIR, NULL, &st);
	if (S_ISREG(st.st_mode))
		return add_file(p, out, base);
	if (S_ISLNK(st.st_mode))
		return add_symlink(p, out, base, &st);
	return skip(p);
}

/* Begin the next name, or end the archive. */
static int
step_name(struct picked *p, struct buf *out)
{
	if (p->at == p->end) {
		p->at_end = true;
		return tar_add_end(out);
	}
	p->name = p->at;
	p->at += strnlen(p->at, (size_t)(p->end - p->at));
	/* The last one lacks its NUL: it cannot be used as a string. */
	if (p->at == p->end) {
		p->name = NULL;
		return skip(p);
	}
	p->at++;
	p->n++;
	return add_name(p, out);
}

/* Read one more piece of the file, or close it. */
static int
step_file(struct picked *p, struct buf *out)
{
	size_t want = (size_t)MIN(p->left, (uint64_t)PIECE);
	uint8_t *room = buf_reserve(out, want);
	ssize_t got;

	if (room == NULL)
		return -1;
	got = read_full(p->fd, room, want);
	got = MAX(got, (ssize_t)0);
	memset(room + got, 0, want - (size_t)got);
	p->is_spoilt |= (size_t)got < want;
	buf_commit(out, want);
	p->left -= want;
	if (p->left > 0)
		return 0;
	close(p->fd);
	p->fd = -1;
	if (tar_add_padding(out, p->size) < 0)
		return -1;
	return p->is_spoilt ? tar_add_spoilt(out) : 0;
}

int
picked_read(struct picked *p, struct buf *out, struct err *err)
{
	int rc;

	if (p->at_end)
		return 0;
	rc = p->fd >= 0 ? step_file(p, out) : step_name(p, out);
	if (rc < 0)
		return err_set(err, ERR_LIMIT, "no room for the archive");
	return p->at_end ? 0 : 1;
}

uint64_t
picked_n_skipped(const struct picked *p)
{
	return p->n_skipped;
}

const char *
picked_name(const struct picked *p)
{
	return p->name ? p->name : "";
}

uint64_t
picked_n(const struct picked *p)
{
	return p->n;
}
