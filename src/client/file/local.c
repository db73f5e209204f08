/* SPDX-License-Identifier: ISC */

/* A directory of this host; see local.h. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/beneath.h"
#include "archive/newfile.h"
#include "client/file/local.h"

#define DIR_MODE 0755

int
local_open(const char *path, bool makes, struct err *err)
{
	AUTO_FREE char *copy = path_clean(path);
	int fd;

	for (char *p = copy + 1; makes && copy[0] && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(copy, DIR_MODE);
		*p = '/';
	}
	if (makes)
		(void)mkdir(copy, DIR_MODE);
	fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%.200s: no such directory",
			       path);
	return err_sys(err, "%.200s", path);
}

int
local_parent(int root_fd, const char *path)
{
	const char *base = path_base(path);
	AUTO_FREE char *dir = xstrndup(
	    path, base > path ? (size_t)(base - path) - 1 : 0);
	int fd = beneath_open(root_fd, dir, O_PATH | O_DIRECTORY);

	if (fd < 0 && errno == ENOENT)
		fd = beneath_mkdirs(root_fd, dir, DIR_MODE);
	return fd;
}

int
local_read(int root_fd, const char *path, struct err *err)
{
	int fd = beneath_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return err_sys(err, "failed to read");
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return err_set(err, ERR_CONFLICT, "it is no file any more");
}

static void
split_time(int64_t ns, struct timespec out[2])
{
	out[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	out[1] = clock_timespec(ns);
}

int
local_delete(int root_fd, const struct tree_entry *e, struct err *err)
{
	AUTO_CLOSE int fd = local_parent(root_fd, e->path);

	if (fd >= 0 && (unlinkat(fd, path_base(e->path),
				 e->type == FILE_DIR ? AT_REMOVEDIR : 0) == 0 ||
			errno == ENOENT))
		return 0;
	err_sys(err, "failed to remove");
	if (err->sys == ENOTEMPTY)
		err->code = ERR_CONFLICT;
	return -1;
}

int
local_mkdir(int root_fd, const struct tree_entry *e, struct err *err)
{
	AUTO_CLOSE int fd = local_parent(root_fd, e->path);

	if (fd >= 0 &&
	    (mkdirat(fd, path_base(e->path), 0700) == 0 || errno == EEXIST))
		return 0;
	return err_sys(err, "failed to make");
}

int
local_link(int root_fd, const struct tree_entry *e, struct err *err)
{
	AUTO_CLOSE int fd = local_parent(root_fd, e->path);
	struct timespec times[2];

	if (fd < 0 || newfile_symlink(e->target, fd, path_base(e->path)) < 0)
		return err_sys(err, "failed to make");
	split_time(e->mtime_ns, times);
	(void)utimensat(fd, path_base(e->path), times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

int
local_set(int root_fd, const struct tree_entry *e, struct err *err)
{
	AUTO_CLOSE int fd = beneath_open(root_fd, e->path,
					 O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct timespec times[2];

	split_time(e->mtime_ns, times);
	if (fd < 0 || futimens(fd, times) < 0 ||
	    (e->mode >= 0 && fchmod(fd, (mode_t)e->mode) < 0))
		return err_sys(err, "failed to set mode");
	return 0;
}
