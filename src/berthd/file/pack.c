/* SPDX-License-Identifier: ISC */

/*
 * Trees read as archives; see pack.h.
 *
 * The walk keeps one open directory per level and the path of the current
 * entry.  A step either lists one entry or reads a piece of the current file.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "archive/tar.h"
#include "berthd/file/pack.h"

/* Each level costs a descriptor while it is open. */
#define MAX_DEPTH 128

#define PIECE 65536

struct level {
	DIR *dir;
	size_t path_len; /* of the directory, with its slash */
};

struct pack {
	char **excludes;
	struct level levels[MAX_DEPTH];
	size_t depth;
	char path[PATH_MAX]; /* of the current entry, below the root */
	int fd;		     /* the current file, or -1 */
	uint64_t size, left;
	bool is_short; /* it ended before its size */
	uint64_t n_skipped;
	bool at_end;
};

struct pack *
pack_new(int dir_fd, char *const *excludes, struct err *err)
{
	DIR *dir = fdopendir(dir_fd);
	struct pack *p;

	if (dir == NULL) {
		err_sys(err, "failed to list");
		close(dir_fd);
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->excludes = strv_copy(excludes);
	p->fd = -1;
	p->levels[0].dir = dir;
	p->depth = 1;
	return p;
}

void
pack_free(struct pack *p)
{
	if (p == NULL)
		return;
	while (p->depth > 0)
		closedir(p->levels[--p->depth].dir);
	if (p->fd >= 0)
		close(p->fd);
	strv_free(p->excludes);
	free(p);
}

static bool
is_excluded(const struct pack *p, const char *name)
{
	char **pattern = p->excludes;

	for (; pattern && *pattern; pattern++) {
		if (fnmatch(*pattern, name, 0) == 0)
			return true;
	}
	return false;
}

static int
add_header(const struct pack *p, struct buf *out, enum tar_type type,
	   const char *link, const struct stat *st)
{
	const struct tar_entry entry = {
		.type = type,
		.name = p->path,
		.link = link,
		.mode = st->st_mode & 0777,
		.size = type == TAR_FILE ? (uint64_t)st->st_size : 0,
	};
	const struct tar_attr attr = {
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtime,
	};

	return tar_add_header(out, &entry, &attr);
}

static int
skip(struct pack *p)
{
	p->n_skipped++;
	return 0;
}

static int
add_dir(struct pack *p, struct buf *out, int parent, const char *name,
	struct stat *st)
{
	int fd = -1;
	DIR *dir;

	if (p->depth < MAX_DEPTH)
		fd = openat(parent, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return skip(p);
	}
	p->levels[p->depth].dir = dir;
	p->levels[p->depth].path_len = strlen(p->path) + 1;
	p->depth++;
	return add_header(p, out, TAR_DIR, NULL, st);
}

static int
add_file(struct pack *p, struct buf *out, int parent, const char *name,
	 struct stat *st)
{
	int fd = openat(parent, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			    O_CLOEXEC);

	if (fd < 0)
		return skip(p);
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)) {
		close(fd);
		return skip(p);
	}
	p->fd = fd;
	p->is_short = false;
	p->size = p->left = (uint64_t)st->st_size;
	return add_header(p, out, TAR_FILE, NULL, st);
}

static int
add_symlink(struct pack *p, struct buf *out, int parent, const char *name,
	    struct stat *st)
{
	char target[TAR_NAME_MAX + 1];
	ssize_t n = readlinkat(parent, name, target, sizeof(target));

	if (n < 0 || (size_t)n == sizeof(target))
		return skip(p);
	target[n] = '\0';
	return add_header(p, out, TAR_SYMLINK, target, st);
}

static int
add_entry(struct pack *p, struct buf *out, const char *name)
{
	const struct level *level = &p->levels[p->depth - 1];
	int parent = dirfd(level->dir);
	size_t n = strlen(name);
	struct stat st;

	if (str_eq(name, ".") || str_eq(name, "..") || is_excluded(p, name))
		return 0;
	if (level->path_len + n + 1 >= sizeof(p->path) ||
	    fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return skip(p);
	if (level->path_len)
		p->path[level->path_len - 1] = '/';
	memcpy(p->path + level->path_len, name, n + 1);
	if (S_ISDIR(st.st_mode))
		return add_dir(p, out, parent, name, &st);
	if (S_ISREG(st.st_mode))
		return add_file(p, out, parent, name, &st);
	if (S_ISLNK(st.st_mode))
		return add_symlink(p, out, parent, name, &st);
	return 0;
}

/* List one more entry, or leave the directory. */
static int
step_list(struct pack *p, struct buf *out)
{
	struct dirent *entry = readdir(p->levels[p->depth - 1].dir);

	if (entry)
		return add_entry(p, out, entry->d_name);
	closedir(p->levels[--p->depth].dir);
	if (p->depth > 0)
		return 0;
	p->at_end = true;
	return tar_add_end(out);
}

/* Read one more piece of the file, or close it. */
static int
step_file(struct pack *p, struct buf *out)
{
	size_t want = (size_t)MIN(p->left, (uint64_t)PIECE);
	uint8_t *room = buf_reserve(out, want);
	ssize_t got;

	if (room == NULL)
		return -1;
	got = read_full(p->fd, room, want);
	got = MAX(got, (ssize_t)0);
	if ((size_t)got < want) {
		memset(room + got, 0, want - (size_t)got);
		p->n_skipped += !p->is_short;
		p->is_short = true;
	}
	buf_commit(out, want);
	p->left -= want;
	if (p->left > 0)
		return 0;
	close(p->fd);
	p->fd = -1;
	return tar_add_padding(out, p->size);
}

int
pack_read(struct pack *p, struct buf *out, struct err *err)
{
	int rc;

	if (p->at_end)
		return 0;
	rc = p->fd >= 0 ? step_file(p, out) : step_list(p, out);
	if (rc < 0)
		return err_set(err, ERR_LIMIT, "no room for the archive");
	return p->at_end ? 0 : 1;
}

uint64_t
pack_n_skipped(const struct pack *p)
{
	return p->n_skipped;
}
