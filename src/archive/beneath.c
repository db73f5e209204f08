/* SPDX-License-Identifier: ISC */

/* Paths that stay below a directory; see beneath.h. */

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/text.h"
#include "archive/beneath.h"

#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

/*
 * One component.  O_PATH would open a link itself, and O_DIRECTORY would call
 * it no directory; both become what the kernel says when it refuses a link.
 */
static int
open_component(int at, const char *name, int flags)
{
	int fd = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOTDIR &&
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
	if (fd >= 0 && (flags & O_PATH) && fstat(fd, &st) == 0 &&
	    S_ISLNK(st.st_mode)) {
		close(fd);
		errno = ELOOP;
		return -1;
	}
	return fd;
}

int
beneath_walk(int dir_fd, const char *path, int flags)
{
	AUTO_FREE char *copy = xstrdup(path[0] ? path : ".");
	char *rest = copy, *name;
	int at = openat(dir_fd, ".", DIR_FLAGS), next;

	while (at >= 0 && (name = strsep(&rest, "/")) != NULL) {
		next = -1;
		if (str_eq(name, ".."))
			errno = EXDEV;
		else
			next = open_component(at, name,
					      rest ? DIR_FLAGS : flags);
		close(at);
		at = next;
	}
	return at;
}

int
beneath_open(int dir_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, dir_fd, path[0] ? path : ".", &how,
			  sizeof(how));

	/* EPERM: a sandbox that does not know the call. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return beneath_walk(dir_fd, path, flags);
	return (int)fd;
}

int
beneath_mkdirs(int dir_fd, const char *path, mode_t mode)
{
	AUTO_FREE char *copy = xstrdup(path);
	char *rest = copy[0] ? copy : NULL, *name;
	int at = openat(dir_fd, ".", DIR_FLAGS), next;

	while (at >= 0 && (name = strsep(&rest, "/")) != NULL) {
		next = -1;
		if (mkdirat(at, name, mode) == 0 || errno == EEXIST)
			next = beneath_open(at, name, DIR_FLAGS);
		close(at);
		at = next;
	}
	return at;
}
