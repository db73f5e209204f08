/* SPDX-License-Identifier: ISC */

/*
 * Trees read as archives; see tree.h.
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
#include "berthd/file/tar.h"
#include "berthd/file/tree.h"

/* Each level costs a descriptor while it is open. */
#define MAX_DEPTH 128

#define PIECE 65536

struct level {
	DIR *dir;
	size_t path_len; /* of the directory, with its slash */
};

struct tree {
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

struct tree *
tree_new(int dir_fd, char *const *excludes, struct err *err)
{
	DIR *dir = fdopendir(dir_fd);
	struct tree *t;

	if (dir == NULL) {
		err_sys(err, "failed to list");
		close(dir_fd);
		return NULL;
	}
	t = xcalloc(1, sizeof(*t));
	t->excludes = strv_copy(excludes);
	t->fd = -1;
	t->levels[0].dir = dir;
	t->depth = 1;
	return t;
}

void
tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	while (t->depth > 0)
		closedir(t->levels[--t->depth].dir);
	if (t->fd >= 0)
		close(t->fd);
	strv_free(t->excludes);
	free(t);
}

static bool
is_excluded(const struct tree *t, const char *name)
{
	for (char **p = t->excludes; p && *p; p++) {
		if (fnmatch(*p, name, 0) == 0)
			return true;
	}
	return false;
}

static int
add_header(const struct tree *t, struct buf *out, enum tar_type type,
	   const char *link, const struct stat *st)
{
	const struct tar_entry entry = {
		.type = type,
		.name = t->path,
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
skip(struct tree *t)
{
	t->n_skipped++;
	return 0;
}

static int
add_dir(struct tree *t, struct buf *out, int parent, const char *name,
	struct stat *st)
{
	int fd = -1;
	DIR *dir;

	if (t->depth < MAX_DEPTH)
		fd = openat(parent, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return skip(t);
	}
	t->levels[t->depth].dir = dir;
	t->levels[t->depth].path_len = strlen(t->path) + 1;
	t->depth++;
	return add_header(t, out, TAR_DIR, NULL, st);
}

static int
add_file(struct tree *t, struct buf *out, int parent, const char *name,
	 struct stat *st)
{
	int fd = openat(parent, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			    O_CLOEXEC);

	if (fd < 0)
		return skip(t);
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)) {
		close(fd);
		return skip(t);
	}
	t->fd = fd;
	t->is_short = false;
	t->size = t->left = (uint64_t)st->st_size;
	return add_header(t, out, TAR_FILE, NULL, st);
}

static int
add_symlink(struct tree *t, struct buf *out, int parent, const char *name,
	    struct stat *st)
{
	char target[TAR_NAME_MAX + 1];
	ssize_t n = readlinkat(parent, name, target, sizeof(target));

	if (n < 0 || (size_t)n == sizeof(target))
		return skip(t);
	target[n] = '\0';
	return add_header(t, out, TAR_SYMLINK, target, st);
}

static int
add_entry(struct tree *t, struct buf *out, const char *name)
{
	const struct level *level = &t->levels[t->depth - 1];
	int parent = dirfd(level->dir);
	size_t n = strlen(name);
	struct stat st;

	if (str_eq(name, ".") || str_eq(name, "..") || is_excluded(t, name))
		return 0;
	if (level->path_len + n + 1 >= sizeof(t->path) ||
	    fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return skip(t);
	if (level->path_len)
		t->path[level->path_len - 1] = '/';
	memcpy(t->path + level->path_len, name, n + 1);
	if (S_ISDIR(st.st_mode))
		return add_dir(t, out, parent, name, &st);
	if (S_ISREG(st.st_mode))
		return add_file(t, out, parent, name, &st);
	if (S_ISLNK(st.st_mode))
		return add_symlink(t, out, parent, name, &st);
	return 0;
}

/* List one more entry, or leave the directory. */
static int
step_list(struct tree *t, struct buf *out)
{
	struct dirent *entry = readdir(t->levels[t->depth - 1].dir);

	if (entry)
		return add_entry(t, out, entry->d_name);
	closedir(t->levels[--t->depth].dir);
	if (t->depth > 0)
		return 0;
	t->at_end = true;
	return tar_add_end(out);
}

/* Read one more piece of the file, or close it. */
static int
step_file(struct tree *t, struct buf *out)
{
	size_t want = (size_t)MIN(t->left, (uint64_t)PIECE);
	uint8_t *room = buf_reserve(out, want);
	ssize_t got;

	if (room == NULL)
		return -1;
	got = read_full(t->fd, room, want);
	got = MAX(got, (ssize_t)0);
	if ((size_t)got < want) {
		memset(room + got, 0, want - (size_t)got);
		t->n_skipped += !t->is_short;
		t->is_short = true;
	}
	buf_commit(out, want);
	t->left -= want;
	if (t->left > 0)
		return 0;
	close(t->fd);
	t->fd = -1;
	return tar_add_padding(out, t->size);
}

int
tree_read(struct tree *t, struct buf *out, struct err *err)
{
	int rc;

	if (t->at_end)
		return 0;
	rc = t->fd >= 0 ? step_file(t, out) : step_list(t, out);
	if (rc < 0)
		return err_set(err, ERR_LIMIT, "no room for the archive");
	return t->at_end ? 0 : 1;
}

uint64_t
tree_n_skipped(const struct tree *t)
{
	return t->n_skipped;
}
