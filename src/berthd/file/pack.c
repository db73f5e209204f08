/* SPDX-License-Identifier: ISC */

/*
 * Trees read as archives; see pack.h.
 *
 * The walk keeps one open directory per level and the path of the current
 * entry.  A step either lists one entry or reads a piece of the current file.
 */

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "archive/tar.h"
#include "archive/tar_put.h"
#include "archive/walk.h"
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
	struct tar_put put;
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
	tar_put_init(&p->put, TAR_PUT_OWNERS, PIECE);
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
	tar_put_fini(&p->put);
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
skip(struct pack *p)
{
	p->put.n_skipped++;
	return 0;
}

static int
add_dir(struct pack *p, struct buf *out, const struct walk_entry *e)
{
	int fd = -1;
	DIR *dir;

	if (p->depth < MAX_DEPTH)
		fd = openat(e->dir_fd, e->name,
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
	return tar_put_entry(&p->put, out, e);
}

static int
add_entry(struct pack *p, struct buf *out, const char *name)
{
	const struct level *level = &p->levels[p->depth - 1];
	struct walk_entry e = { .path = p->path,
				.name = p->path + level->path_len,
				.dir_fd = dirfd(level->dir) };
	size_t n = strlen(name);

	if (str_eq(name, ".") || str_eq(name, "..") || is_excluded(p, name))
		return 0;
	if (level->path_len + n + 1 >= sizeof(p->path) ||
	    fstatat(e.dir_fd, name, &e.st, AT_SYMLINK_NOFOLLOW) < 0)
		return skip(p);
	if (level->path_len)
		p->path[level->path_len - 1] = '/';
	memcpy(p->path + level->path_len, name, n + 1);
	if (S_ISDIR(e.st.st_mode))
		return add_dir(p, out, &e);
	if (S_ISREG(e.st.st_mode) || S_ISLNK(e.st.st_mode))
		return tar_put_entry(&p->put, out, &e);
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

int
pack_read(struct pack *p, struct buf *out, struct err *err)
{
	int rc;

	if (p->at_end)
		return 0;
	rc = tar_put_is_busy(&p->put) ? tar_put_piece(&p->put, out)
				      : step_list(p, out);
	if (rc < 0)
		return err_set(err, ERR_LIMIT, "no room for the archive");
	return p->at_end ? 0 : 1;
}

uint64_t
pack_n_skipped(const struct pack *p)
{
	return p->put.n_skipped;
}
