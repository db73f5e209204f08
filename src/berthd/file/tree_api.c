/* SPDX-License-Identifier: ISC */

/*
 * Names and what is told of them; see tree_api.h.
 *
 * Every operation happens in a directory that was opened without leaving the
 * roots, on the last component alone.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fs.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "http/server.h"
#include "archive/beneath.h"
#include "archive/newfile.h"
#include "berthd/file/confine.h"
#include "berthd/file/info.h"
#include "berthd/file/policy.h"
#include "berthd/file/query.h"
#include "berthd/file/tree_api.h"
#include "berthd/reply.h"

#define MAX_ANSWER (64u << 10)

#define DIR_MODE 0755

typedef int act_fn(struct http_exchange *x, const struct file_policy *policy,
		   struct buf *answer, struct err *err);

/* Do it, and answer with what it wrote, or {"ok":true}. */
static void
act(struct http_exchange *x, const struct file_policy *policy, act_fn *fn)
{
	AUTO_BUF body = BUF_INIT(MAX_ANSWER);
	struct err err = ERR_INIT;

	if (fn(x, policy, &body, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	if (body.len == 0)
		(void)buf_adds(&body, "{\"ok\":true}");
	reply_json(x, &body);
}

/* The parent of the path in parameter `name'. */
static int
open_parent(struct http_exchange *x, const struct file_policy *policy,
	    const char *name, char **ret_base, struct err *err)
{
	AUTO_FREE char *path = query_path(x, name, err);
	int fd;

	if (path == NULL)
		return -1;
	fd = confine_parent(policy, path, ret_base, err);
	if (fd >= 0)
		return fd;
	if (err->sys == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%.200s: no such directory",
			       path);
	return err_wrap(err, "%.200s", path);
}

/* Raise errno about the path of the request. */
static int
fail(struct http_exchange *x, struct err *err)
{
	AUTO_FREE char *path = query_path(x, "path", err);

	switch (errno) {
	case ENOENT:
		return err_set(err, ERR_NOT_FOUND, "%.200s: no such file",
			       path);
	case EEXIST:
	case ENOTEMPTY:
	case ENOTDIR:
	case EISDIR:
		err_sys(err, "%.200s", path);
		err->code = ERR_CONFLICT;
		return -1;
	case EACCES:
	case EPERM:
		err_sys(err, "%.200s", path);
		err->code = ERR_DENIED;
		return -1;
	}
	return err_sys(err, "%.200s", path);
}

static int
do_stat(struct http_exchange *x, const struct file_policy *policy,
	struct buf *answer, struct err *err)
{
	AUTO_FREE char *path = query_path(x, "path", err);
	struct jsonw w = JSONW_INIT(answer);
	AUTO_FREE char *base = NULL;
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (path == NULL)
		return -1;
	if (query_flag(x, "follow")) {
		fd = confine_open(policy, path, O_PATH, err);
		if (fd < 0)
			return err->code == ERR_NOT_FOUND
				   ? (errno = ENOENT, fail(x, err))
				   : err_wrap(err, "%.200s", path);
		if (fstat(fd, &st) < 0)
			return fail(x, err);
	} else {
		fd = open_parent(x, policy, "path", &base, err);
		if (fd < 0)
			return -1;
		if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(x, err);
	}
	jsonw_object(&w, NULL);
	info_add(&w, path, base ? fd : -1, base, &st);
	jsonw_object_end(&w);
	return 0;
}

static int
make_parents(struct http_exchange *x, const struct file_policy *policy,
	     mode_t mode, struct err *err)
{
	AUTO_FREE char *path = query_path(x, "path", err);
	AUTO_FREE char *missing = NULL;
	AUTO_CLOSE int fd = -1;
	AUTO_CLOSE int made = -1;

	if (path == NULL)
		return -1;
	fd = confine_existing(policy, path, &missing, err);
	if (fd < 0)
		return err_wrap(err, "%.200s", path);
	made = beneath_mkdirs(fd, missing, mode);
	return made < 0 ? fail(x, err) : 0;
}

static int
do_mkdir(struct http_exchange *x, const struct file_policy *policy,
	 struct buf *answer UNUSED, struct err *err)
{
	AUTO_FREE char *base = NULL;
	AUTO_CLOSE int fd = -1;
	int mode;

	if (query_mode(x, &mode, err) < 0)
		return -1;
	if (mode < 0)
		mode = DIR_MODE;
	if (query_flag(x, "parents"))
		return make_parents(x, policy, (mode_t)mode, err);
	fd = open_parent(x, policy, "path", &base, err);
	if (fd < 0)
		return -1;
	/* The mode was asked for, whatever the umask says. */
	if (mkdirat(fd, base, (mode_t)mode) < 0 ||
	    fchmodat(fd, base, (mode_t)mode, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(x, err);
	return 0;
}

static int
do_remove(struct http_exchange *x, const struct file_policy *policy,
	  struct buf *answer UNUSED, struct err *err)
{
	AUTO_FREE char *base = NULL;
	AUTO_CLOSE int fd = open_parent(x, policy, "path", &base, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (str_eq(base, ".") || base[0] == '\0')
		return err_set(err, ERR_DENIED, "a root is not removed");
	if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(x, err);
	log_info("file", "removed", KV_STR("name", base));
	if (query_flag(x, "recursive"))
		return fs_remove_tree(fd, base, err);
	if (unlinkat(fd, base, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
		return fail(x, err);
	return 0;
}

static int
do_rename(struct http_exchange *x, const struct file_policy *policy,
	  struct buf *answer UNUSED, struct err *err)
{
	AUTO_FREE char *base = NULL;
	AUTO_FREE char *to = NULL;
	AUTO_CLOSE int fd = open_parent(x, policy, "path", &base, err);
	AUTO_CLOSE int to_fd = -1;

	if (fd < 0)
		return -1;
	to_fd = open_parent(x, policy, "to", &to, err);
	if (to_fd < 0)
		return -1;
	if (str_eq(base, ".") || str_eq(to, "."))
		return err_set(err, ERR_DENIED, "a root is not moved");
	if (query_flag(x, "new")
		? renameat2(fd, base, to_fd, to, RENAME_NOREPLACE) < 0
		: renameat(fd, base, to_fd, to) < 0)
		return fail(x, err);
	return 0;
}

static int
do_link(struct http_exchange *x, const struct file_policy *policy,
	struct buf *answer UNUSED, struct err *err)
{
	AUTO_FREE char *target = http_head_query(http_exchange_head(x),
						 "target");
	AUTO_FREE char *base = NULL;
	AUTO_CLOSE int fd = open_parent(x, policy, "path", &base, err);

	if (fd < 0)
		return -1;
	if (target == NULL || target[0] == '\0')
		return err_set(err, ERR_INVALID, "target is required");
	return newfile_symlink(target, fd, base) < 0 ? fail(x, err) : 0;
}

static int
do_set(struct http_exchange *x, const struct file_policy *policy,
       struct buf *answer UNUSED, struct err *err)
{
	AUTO_FREE char *base = NULL;
	AUTO_CLOSE int fd = open_parent(x, policy, "path", &base, err);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
				     { .tv_nsec = UTIME_OMIT } };
	bool has_mtime;
	int64_t mtime_ns;
	struct stat st;
	int mode;

	if (fd < 0 || query_mode(x, &mode, err) < 0 ||
	    query_time(x, "mtime", &has_mtime, &mtime_ns, err) < 0)
		return -1;
	if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(x, err);
	if (has_mtime)
		times[1] = clock_timespec(mtime_ns);
	if (mode >= 0 && S_ISLNK(st.st_mode))
		return err_set(err, ERR_INVALID, "a link has no mode");
	if (mode >= 0) {
		AUTO_CLOSE int file = beneath_open(
		    fd, base, O_RDONLY | O_NONBLOCK | O_NOCTTY);

		/* A file that cannot be read is changed by its name. */
		if (file >= 0 ? fchmod(file, (mode_t)mode) < 0
			      : fchmodat(fd, base, (mode_t)mode, 0) < 0)
			return fail(x, err);
	}
	if (utimensat(fd, base, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(x, err);
	return 0;
}

#define ROUTE(name)                                                            \
	void tree_api_##name(struct http_exchange *x,                          \
			     const struct file_policy *policy)                 \
	{                                                                      \
		act(x, policy, do_##name);                                     \
	}

ROUTE(stat)
ROUTE(mkdir)
ROUTE(remove)
ROUTE(rename)
ROUTE(link)
ROUTE(set)
