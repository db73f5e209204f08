/* SPDX-License-Identifier: ISC */

/* Paths that cannot leave their root; see confine.h. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "berthd/file/confine.h"
#include "berthd/file/policy.h"

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
confine_walk(int dir_fd, const char *path, int flags)
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
confine_beneath(int dir_fd, const char *path, int flags)
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
		return confine_walk(dir_fd, path, flags);
	return (int)fd;
}

int
confine_mkdirs(int dir_fd, const char *path, mode_t mode)
{
	AUTO_FREE char *copy = xstrdup(path);
	char *rest = copy[0] ? copy : NULL, *name;
	int at = openat(dir_fd, ".", DIR_FLAGS), next;

	while (at >= 0 && (name = strsep(&rest, "/")) != NULL) {
		next = -1;
		if (mkdirat(at, name, mode) == 0 || errno == EEXIST)
			next = confine_beneath(at, name, DIR_FLAGS);
		close(at);
		at = next;
	}
	return at;
}

static int
deny(struct err *err)
{
	return err_set(err, ERR_DENIED, "path not allowed");
}

/* Raise what resolving or opening met. */
static int
fail_lookup(struct err *err)
{
	if (errno == ELOOP || errno == EXDEV)
		return deny(err);
	err_sys(err, "failed to stat");
	if (err->sys == ENOENT || err->sys == ENOTDIR)
		err->code = ERR_NOT_FOUND;
	return -1;
}

/* The path as text, if that lies in a root. */
static char *
clean_in_roots(const struct file_policy *policy, const char *path,
	       struct err *err)
{
	AUTO_FREE char *clean = NULL;

	if (strlen(path) >= PATH_MAX) {
		err_set(err, ERR_INVALID, "path is too long");
		return NULL;
	}
	clean = path_clean(path);
	for (char **root = policy->roots; root && *root; root++) {
		if (path[0] == '/' && path_is_within(*root, clean))
			return TAKE(clean);
	}
	deny(err);
	return NULL;
}

/* Open `real', a path without links, below the root in which it lies. */
static int
open_real(const struct file_policy *policy, const char *real, int flags,
	  struct err *err)
{
	for (char **root = policy->roots; root && *root; root++) {
		AUTO_FREE char *base = realpath(*root, NULL);
		AUTO_CLOSE int root_fd = -1;
		const char *rest;
		int fd;

		if (base == NULL || !path_is_within(base, real))
			continue;
		root_fd = open(base, DIR_FLAGS);
		if (root_fd < 0)
			return fail_lookup(err);
		rest = real + (str_eq(base, "/") ? 0 : strlen(base));
		fd = confine_beneath(root_fd, rest + (*rest == '/'), flags);
		return fd < 0 ? fail_lookup(err) : fd;
	}
	return deny(err);
}

int
confine_open(const struct file_policy *policy, const char *path, int flags,
	     struct err *err)
{
	AUTO_FREE char *clean = clean_in_roots(policy, path, err);
	AUTO_FREE char *real = NULL;

	if (clean == NULL)
		return -1;
	real = realpath(clean, NULL);
	if (real == NULL)
		return fail_lookup(err);
	return open_real(policy, real, flags, err);
}

int
confine_existing(const struct file_policy *policy, const char *path,
		 char **ret_missing, struct err *err)
{
	AUTO_FREE char *clean = clean_in_roots(policy, path, err);
	AUTO_FREE char *real = NULL;
	size_t len;
	int fd;

	if (clean == NULL)
		return -1;

	/* Leave components away until the rest exists; "/" does. */
	for (len = strlen(clean);; len--) {
		AUTO_FREE char *front = xstrndup(clean, MAX(len, (size_t)1));

		real = realpath(front, NULL);
		if (real || errno != ENOENT || len <= 1)
			break;
		while (clean[len - 1] != '/')
			len--;
	}
	if (real == NULL)
		return fail_lookup(err);
	fd = open_real(policy, real, DIR_FLAGS, err);
	if (fd >= 0)
		*ret_missing = xstrdup(clean + len + (clean[len] == '/'));
	return fd;
}
