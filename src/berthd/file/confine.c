/* SPDX-License-Identifier: ISC */

/* Paths that cannot leave their root; see confine.h. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/beneath.h"
#include "berthd/file/confine.h"
#include "berthd/file/policy.h"

#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

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
		fd = beneath_open(root_fd, rest + (*rest == '/'), flags);
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

static bool
is_root(const struct file_policy *policy, const char *clean)
{
	for (char **root = policy->roots; root && *root; root++) {
		if (str_eq(*root, clean))
			return true;
	}
	return false;
}

int
confine_parent(const struct file_policy *policy, const char *path,
	       char **ret_base, struct err *err)
{
	AUTO_FREE char *clean = clean_in_roots(policy, path, err);
	AUTO_FREE char *base = NULL;
	AUTO_FREE char *dir = NULL;
	int fd;

	if (clean == NULL)
		return -1;
	base = xstrdup(is_root(policy, clean) ? "." : path_base(clean));
	dir = xstrndup(clean,
		       str_eq(base, ".")
			   ? strlen(clean)
			   : MAX(strlen(clean) - strlen(base), (size_t)1));
	fd = confine_open(policy, dir, O_PATH | O_DIRECTORY, err);
	if (fd >= 0)
		*ret_base = TAKE(base);
	return fd;
}
