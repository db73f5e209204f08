/* SPDX-License-Identifier: ISC */

/*
 * Trees entry by entry; see walk.h.  One open directory per level, and the path
 * of the current entry in one place.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/text.h"
#include "archive/walk.h"

/* Each level costs a descriptor while it is open. */
#define MAX_DEPTH 128

struct level {
	DIR *dir;
	size_t path_len; /* of the directory, with its slash */
};

struct walk {
	struct level levels[MAX_DEPTH];
	size_t depth;
	char path[PATH_MAX]; /* of the current entry */
	uint64_t n_skipped;
};

struct walk *
walk_new(int dir_fd, struct err *err)
{
	DIR *dir = fdopendir(dir_fd);
	struct walk *w;

	if (dir == NULL) {
		err_sys(err, "failed to list");
		close(dir_fd);
		return NULL;
	}
	w = xcalloc(1, sizeof(*w));
	w->levels[0].dir = dir;
	w->depth = 1;
	return w;
}

void
walk_free(struct walk *w)
{
	if (w == NULL)
		return;
	while (w->depth > 0)
		closedir(w->levels[--w->depth].dir);
	free(w);
}

/* Fill in one entry; false if it vanished or its path is too long. */
static bool
look_at(struct walk *w, const char *name, struct walk_entry *ret)
{
	const struct level *level = &w->levels[w->depth - 1];
	size_t n = strlen(name);

	ret->dir_fd = dirfd(level->dir);
	if (level->path_len + n >= sizeof(w->path) ||
	    fstatat(ret->dir_fd, name, &ret->st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (level->path_len > 0)
		w->path[level->path_len - 1] = '/';
	memcpy(w->path + level->path_len, name, n + 1);
	ret->path = w->path;
	ret->name = w->path + level->path_len;
	return true;
}

int
walk_next(struct walk *w, struct walk_entry *ret)
{
	struct dirent *entry;

	while (w->depth > 0) {
		entry = readdir(w->levels[w->depth - 1].dir);
		if (entry == NULL) {
			closedir(w->levels[--w->depth].dir);
			continue;
		}
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (look_at(w, entry->d_name, ret))
			return 1;
		w->n_skipped++;
	}
	return 0;
}

static int
skip(struct walk *w, int error)
{
	w->n_skipped++;
	errno = error;
	return -1;
}

int
walk_enter(struct walk *w)
{
	const struct level *level = &w->levels[w->depth - 1];
	size_t n = strlen(w->path);
	int fd;
	DIR *dir;

	if (w->depth == MAX_DEPTH || n + 1 >= sizeof(w->path))
		return skip(w, ELOOP);
	fd = openat(dirfd(level->dir), w->path + level->path_len,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return skip(w, errno);
	/* Names without the files behind them are not worth the visit. */
	if (faccessat(fd, ".", F_OK, 0) < 0) {
		close(fd);
		return skip(w, EACCES);
	}
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return skip(w, ENOMEM);
	}
	w->levels[w->depth++] = (struct level){ dir, n + 1 };
	return 0;
}

uint64_t
walk_n_skipped(const struct walk *w)
{
	return w->n_skipped;
}
