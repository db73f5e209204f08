/* SPDX-License-Identifier: ISC */

/*
 * Names and what is told of them; see tree_api.h.
 *
 * Every operation happens in a directory that was opened without leaving the
 * roots, on the last component alone.
 *
 * A list can be of the whole tree.  Temporary files of our own are not part of
 * it, and those that nobody is writing are removed if the request says so: that
 * is how a sync cleans up behind one that was killed.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "core/fs.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sha1.h"
#include "core/text.h"
#include "http/server.h"
#include "archive/beneath.h"
#include "archive/newfile.h"
#include "archive/walk.h"
#include "berthd/file/confine.h"
#include "berthd/file/info.h"
#include "berthd/file/policy.h"
#include "berthd/file/query.h"
#include "berthd/file/tree_api.h"
#include "berthd/reply.h"

#define MAX_ANSWER (64u << 10)

/* Lines of one slice; each costs a few microseconds. */
#define SLICE_ENTRIES 512
#define SUM_COST 16
#define SLICE_BYTES (512u << 10)

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
	uint64_t mtime;
	struct stat st;
	int mode;

	if (fd < 0 || query_mode(x, &mode, err) < 0 ||
	    query_number(x, "mtime", UINT64_MAX, &mtime, err) < 0)
		return -1;
	if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(x, err);
	if (mtime != UINT64_MAX)
		times[1] = (struct timespec){
			.tv_sec = (time_t)(mtime / 1000000000),
			.tv_nsec = (long)(mtime % 1000000000),
		};
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

/*
 * Lists
 */

struct list_op {
	struct http_exchange *x;
	uv_idle_t idle; /* active while a slice can be sent */
	struct walk *walk;
	struct buf out;
	bool is_recursive, sums, sweeps;
	uint64_t n;
	int sum_fd; /* the file whose sum is made, or -1 */
	struct sha1 sum;
	uint8_t piece[64u << 10];
};

static void
on_list_closed(uv_handle_t *handle)
{
	struct list_op *op = container_of((uv_idle_t *)handle, struct list_op,
					  idle);

	walk_free(op->walk);
	if (op->sum_fd >= 0)
		close(op->sum_fd);
	buf_fini(&op->out);
	free(op);
}

static void
on_list_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct list_op *op = owner;

	uv_close((uv_handle_t *)&op->idle, on_list_closed);
}

static int
open_for_sum(const struct walk_entry *e)
{
	return openat(e->dir_fd, e->name,
		      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			  O_CLOEXEC);
}

/* One more piece of the file whose sum is made. */
static void
step_sum(struct list_op *op)
{
	char hex[2 * SHA1_SIZE + 1];
	uint8_t sum[SHA1_SIZE];
	ssize_t got = read_full(op->sum_fd, op->piece, sizeof(op->piece));

	if (got > 0)
		sha1_add(&op->sum, op->piece, (size_t)got);
	if (got == (ssize_t)sizeof(op->piece))
		return;
	close(op->sum_fd);
	op->sum_fd = -1;
	sha1_end(&op->sum, sum);
	hex_encode(hex, sum, sizeof(sum));
	/* One that cannot be read has no sum. */
	if (got >= 0)
		(void)buf_addf(&op->out, ",\"sha1\":\"%s\"", hex);
	(void)buf_adds(&op->out, "}\n");
}

static void
list_entry(struct list_op *op, const struct walk_entry *e)
{
	struct jsonw w = JSONW_INIT(&op->out);

	if (S_ISREG(e->st.st_mode) && newfile_is_temporary(e->name, NULL) &&
	    !newfile_tidy(e->dir_fd, e->name, op->sweeps))
		return;
	jsonw_object(&w, NULL);
	info_add(&w, e->path, e->dir_fd, e->name, &e->st);
	op->n++;
	if (op->sums && S_ISREG(e->st.st_mode))
		op->sum_fd = open_for_sum(e);
	if (op->sum_fd >= 0) {
		sha1_init(&op->sum);
		return;
	}
	if (op->is_recursive && S_ISDIR(e->st.st_mode) &&
	    walk_enter(op->walk) < 0)
		jsonw_bool(&w, "closed", true);
	(void)buf_adds(&op->out, "}\n");
}

static void
end_list(struct list_op *op)
{
	AUTO_BUF line = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&line);

	uv_idle_stop(&op->idle);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "type", "end");
	jsonw_u64(&w, "entries", op->n);
	jsonw_u64(&w, "skipped", walk_n_skipped(op->walk));
	jsonw_object_end(&w);
	(void)buf_addc(&line, '\n');
	(void)http_reply_write(op->x, buf_bytes(&line), line.len);
	http_reply_end(op->x);
}

static void
on_list_idle(uv_idle_t *idle)
{
	struct list_op *op = container_of(idle, struct list_op, idle);
	struct walk_entry e;
	uint64_t cost = 0;
	bool is_full;
	int rc = 1;

	buf_clear(&op->out);
	while (rc > 0 && cost < SLICE_ENTRIES && op->out.len < SLICE_BYTES) {
		if (op->sum_fd >= 0) {
			cost += SUM_COST;
			step_sum(op);
		} else {
			cost++;
			rc = walk_next(op->walk, &e);
			if (rc > 0)
				list_entry(op, &e);
		}
	}
	is_full = op->out.len > 0 &&
		  http_reply_write(op->x, buf_bytes(&op->out), op->out.len);
	if (rc == 0)
		end_list(op);
	else if (is_full)
		uv_idle_stop(idle);
}

static void
on_list_drain(struct http_exchange *x UNUSED, void *owner)
{
	struct list_op *op = owner;

	uv_idle_start(&op->idle, on_list_idle);
}

static struct walk *
open_walk(struct http_exchange *x, const struct file_policy *policy,
	  struct err *err)
{
	AUTO_FREE char *path = query_path(x, "path", err);
	int fd;

	if (path == NULL)
		return NULL;
	fd = confine_open(policy, path, O_RDONLY | O_DIRECTORY, err);
	if (fd >= 0)
		return walk_new(fd, err);
	if (err->sys == ENOTDIR)
		err_set(err, ERR_INVALID, "%.200s: is not a directory", path);
	else if (err->code == ERR_NOT_FOUND)
		err_set(err, ERR_NOT_FOUND, "%.200s: no such directory", path);
	else
		err_wrap(err, "%.200s", path);
	return NULL;
}

void
tree_api_list(struct http_exchange *x, const struct file_policy *policy)
{
	struct err err = ERR_INIT;
	struct walk *walk = open_walk(x, policy, &err);
	struct list_op *op;

	if (walk == NULL) {
		reply_error(x, &err);
		return;
	}
	op = xcalloc(1, sizeof(*op));
	op->x = x;
	op->walk = walk;
	op->sum_fd = -1;
	op->is_recursive = query_flag(x, "recursive");
	op->sums = query_flag(x, "sums");
	op->sweeps = query_flag(x, "sweep");
	buf_init(&op->out, 2 * SLICE_BYTES);
	uv_idle_init(policy->loop, &op->idle);
	http_exchange_own(x, op, on_list_gone);
	http_reply_on_drain(x, on_list_drain);
	http_reply_start(x, 200, REPLY_NDJSON, -1);
	uv_idle_start(&op->idle, on_list_idle);
}
