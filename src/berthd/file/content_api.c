/* SPDX-License-Identifier: ISC */

/*
 * One file's bytes; see content_api.h.
 *
 * A link at the end of the path is written through, as an editor would: the
 * file that it leads to is replaced, if that lies in the roots.  Replacing
 * keeps the permission bits that were there, but for setuid and its like.
 *
 * Files of /proc and /sys have no size and some content; they are read whole
 * before they are answered.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/text.h"
#include "http/server.h"
#include "wire/errors.h"
#include "archive/beneath.h"
#include "archive/newfile.h"
#include "berthd/file/confine.h"
#include "berthd/file/content_api.h"
#include "berthd/file/info.h"
#include "berthd/file/policy.h"
#include "berthd/file/query.h"
#include "berthd/file/refusal.h"
#include "berthd/reply.h"

#define BYTES_TYPE "application/octet-stream"
#define MAX_ANSWER (64u << 10)

/* What a file without a size may hold. */
#define MAX_UNSIZED (4u << 20)

#define LARGE (8 << 20)

#define DEFAULT_MODE 0644
#define DIR_MODE 0755

/*
 * Conditions
 */

/* May the file, `st' or NULL if there is none, be what the request wants? */
static int
check_conditions(const struct http_head *head, const struct stat *st,
		 struct err *err)
{
	const char *wanted = http_head_find(head, "If-Match");
	const char *unwanted = http_head_find(head, "If-None-Match");
	char etag[ETAG_SIZE];

	if (unwanted && str_eq(unwanted, "*") && st)
		return err_set(err, ERR_CONFLICT, "the file exists already");
	if (wanted == NULL)
		return 0;
	if (st == NULL)
		return err_set(err, ERR_CONFLICT, "the file is gone");
	if (!str_eq(wanted, "*") && !str_eq(wanted, etag_of(etag, st))) {
		err_set(err, ERR_CONFLICT,
			"the file was changed by somebody else");
		return err_hint(err, "its etag is %s now", etag);
	}
	return 0;
}

/*
 * Reading
 */

static int
open_file(const struct file_policy *policy, const char *path, struct stat *st,
	  struct err *err)
{
	int fd = confine_open(policy, path, O_RDONLY | O_NONBLOCK | O_NOCTTY,
			      err);

	if (fd < 0)
		return err_wrap(err, "%.200s", path);
	if (fstat(fd, st) < 0)
		err_sys(err, "%.200s", path);
	else if (S_ISDIR(st->st_mode))
		err_set(err, ERR_INVALID, "%.200s: is a directory", path);
	else if (!S_ISREG(st->st_mode))
		err_set(err, ERR_INVALID, "%.200s: is not a file", path);
	else
		return fd;
	close(fd);
	return -1;
}

static void
add_headers(struct http_exchange *x, const struct stat *st)
{
	char text[ETAG_SIZE];

	http_reply_header(x, "ETag", etag_of(text, st));
	http_reply_header(x, "Accept-Ranges", "bytes");
	snprintf(text, sizeof(text), "%04o", st->st_mode & 07777);
	http_reply_header(x, "Berth-Mode", text);
	snprintf(text, sizeof(text), "%" PRId64, mtime_ns_of(st));
	http_reply_header(x, "Berth-Mtime", text);
}

/*
 * "bytes=A-B", "bytes=A-", "bytes=-N" of `size' bytes.  1: that is the range;
 * 0: there is none to obey; -1: it lies outside.
 */
static int
read_range(const char *text, uint64_t size, uint64_t *from, uint64_t *n)
{
	char first[24] = "", last[24] = "";
	uint64_t a = 0, b = INT64_MAX;
	struct err err = ERR_INIT;
	int used = 0;

	if (text == NULL || !str_starts(text, "bytes="))
		return 0;
	text += strlen("bytes=");
	if (sscanf(text, "%20[0-9]%n", first, &used) != 1)
		used = 0;
	if (text[used] != '-' || sscanf(text + used + 1, "%20[0-9]", last) > 1)
		return 0;
	if ((first[0] && parse_u64(first, 0, INT64_MAX, &a, &err) < 0) ||
	    (last[0] && parse_u64(last, 0, INT64_MAX, &b, &err) < 0) ||
	    (!first[0] && !last[0]) || text[used + 1 + (int)strlen(last)])
		return 0;
	if (!first[0]) {
		a = b < size ? size - b : 0;
		b = INT64_MAX;
	}
	if (a >= size || b < a)
		return -1;
	*from = a;
	*n = MIN(b, size - 1) - a + 1;
	return 1;
}

static void
send_nothing_there(struct http_exchange *x, uint64_t size)
{
	AUTO_BUF body = BUF_INIT(MAX_ANSWER);
	struct err err = ERR_INIT;
	char text[48];

	err_set(&err, ERR_LIMIT, "the file ends before that");
	(void)error_json_add(&body, &err);
	snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
	http_reply_header(x, "Content-Range", text);
	http_reply(x, 416, REPLY_JSON, buf_bytes(&body), body.len);
}

static void
send_file(struct http_exchange *x, int fd, const struct stat *st)
{
	const char *range = http_head_find(http_exchange_head(x), "Range");
	uint64_t size = (uint64_t)st->st_size, from = 0, n = size;
	int rc = read_range(range, size, &from, &n);
	char text[80];

	if (rc < 0) {
		send_nothing_there(x, size);
		return;
	}
	if (rc > 0) {
		snprintf(text, sizeof(text),
			 "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from,
			 from + n - 1, size);
		http_reply_header(x, "Content-Range", text);
	}
	add_headers(x, st);
	http_reply_start(x, rc > 0 ? 206 : 200, BYTES_TYPE, (int64_t)n);
	if (n > 0)
		(void)http_reply_file(x, fd, from, n);
	http_reply_end(x);
}

/* A file that only reading tells the size of. */
static int
send_unsized(struct http_exchange *x, int fd, const struct stat *st,
	     struct err *err)
{
	AUTO_BUF bytes = BUF_INIT(MAX_UNSIZED);

	if (fs_read_fd(fd, &bytes, err) < 0)
		return -1;
	add_headers(x, st);
	http_reply(x, 200, BYTES_TYPE, buf_bytes(&bytes), bytes.len);
	return 0;
}

static int
get_content(struct http_exchange *x, const struct file_policy *policy,
	    struct err *err)
{
	AUTO_FREE char *path = query_path(x, "path", err);
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (path == NULL)
		return -1;
	fd = open_file(policy, path, &st, err);
	if (fd < 0 || check_conditions(http_exchange_head(x), &st, err) < 0)
		return -1;
	if (st.st_size == 0)
		return send_unsized(x, fd, &st, err);
	send_file(x, fd, &st);
	return 0;
}

void
content_api_get(struct http_exchange *x, const struct file_policy *policy)
{
	struct err err = ERR_INIT;

	if (get_content(x, policy, &err) < 0)
		reply_error(x, &err);
}

/*
 * Writing
 */

struct put {
	struct http_exchange *x;
	char *path;
	int dir_fd;
	char *base;
	int replaced_fd; /* a large file until the answer is out; -1 */
	struct newfile file;
	struct refusal refusal;
	uint64_t size; /* that is to be; UINT64_MAX: any */
	int64_t mtime_ns;
	int mode; /* -1: what it has, or the default */
	bool has_mtime, syncs;
};

static void
put_free(struct put *put)
{
	newfile_fini(&put->file);
	fd_close(&put->dir_fd);
	fd_close(&put->replaced_fd);
	free(put->base);
	free(put->path);
	free(put);
}

static void
on_put_gone(struct http_exchange *x UNUSED, void *owner)
{
	put_free(owner);
}

/* Where a link at the end leads to, or the path itself. */
static char *
through_link(const char *path)
{
	struct stat st;
	char *real = NULL;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		real = realpath(path, NULL);
	return real ? real : xstrdup(path);
}

/* The directory of the file, made if that is wanted. */
static int
open_dir(struct put *put, const struct file_policy *policy, bool makes_dirs,
	 struct err *err)
{
	AUTO_FREE char *real = through_link(put->path);
	AUTO_FREE char *clean = path_clean(real);
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *missing = NULL;
	AUTO_CLOSE int fd = -1;

	put->base = xstrdup(path_base(clean));
	dir = xstrndup(clean, strlen(clean) - strlen(put->base));
	if (put->base[0] == '\0')
		return err_set(err, ERR_INVALID, "%.200s: is a directory",
			       put->path);
	fd = confine_existing(policy, dir, &missing, err);
	if (fd < 0)
		return err_wrap(err, "%.200s", put->path);
	if (missing[0] && !makes_dirs) {
		err_set(err, ERR_NOT_FOUND, "%.200s: no such directory", dir);
		return err_hint(err, "--mkdir makes it (mkdir=true)");
	}
	put->dir_fd = beneath_mkdirs(fd, missing, DIR_MODE);
	if (put->dir_fd < 0)
		return err_sys(err, "failed to make %.200s", dir);
	return 0;
}

/* What has the name now: its state, or NULL; never a directory. */
static int
look(const struct put *put, struct stat *st, const struct stat **ret,
     struct err *err)
{
	*ret = NULL;
	if (fstatat(put->dir_fd, put->base, st, AT_SYMLINK_NOFOLLOW) == 0)
		*ret = st;
	else if (errno != ENOENT)
		return err_sys(err, "%.200s", put->path);
	if (*ret && !S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode))
		return err_set(err, ERR_INVALID, "%.200s: is not a file",
			       put->path);
	return 0;
}

static int
read_put(struct put *put, struct err *err)
{
	if (query_mode(put->x, &put->mode, err) < 0 ||
	    query_time(put->x, "mtime", &put->has_mtime, &put->mtime_ns, err) <
		0 ||
	    query_number(put->x, "size", UINT64_MAX, &put->size, err) < 0)
		return -1;
	put->syncs = query_flag(put->x, "sync");
	return 0;
}

static int
begin_file(struct put *put, struct err *err)
{
	AUTO_FREE char *key = http_head_query(http_exchange_head(put->x),
					      "key");
	uint64_t offset;

	if (query_number(put->x, "offset", 0, &offset, err) < 0)
		return -1;
	if (key == NULL)
		return newfile_open(&put->file, put->dir_fd, NEWFILE_NAMELESS,
				    err);
	if (!newfile_is_key(key))
		return err_set(err, ERR_INVALID,
			       "key: not 16 hexadecimal digits");
	return newfile_resume(&put->file, put->dir_fd, key, offset, err);
}

static int
begin_put(struct put *put, const struct file_policy *policy, struct err *err)
{
	const struct stat *there;
	struct stat st;

	put->path = query_path(put->x, "path", err);
	if (put->path == NULL || read_put(put, err) < 0 ||
	    open_dir(put, policy, query_flag(put->x, "mkdir"), err) < 0 ||
	    look(put, &st, &there, err) < 0 ||
	    check_conditions(http_exchange_head(put->x), there, err) < 0)
		return -1;
	return begin_file(put, err);
}

/*
 * To give back the room of a large file takes a while, in which nobody need
 * wait: the client has its answer first.
 */
static void
hold_replaced(struct put *put, const struct stat *there)
{
	if (there && there->st_size >= LARGE)
		put->replaced_fd = openat(put->dir_fd, put->base,
					  O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* The body is complete: judge what is there now, and take its place. */
static int
finish_put(struct put *put, struct err *err)
{
	const struct stat *there;
	struct stat st;
	int mode;

	if (put->size != UINT64_MAX && put->file.size != put->size)
		return err_set(err, ERR_INVALID,
			       "%" PRIu64 " bytes came, not %" PRIu64,
			       put->file.size, put->size);
	if (look(put, &st, &there, err) < 0 ||
	    check_conditions(http_exchange_head(put->x), there, err) < 0)
		return -1;
	mode = put->mode >= 0			  ? put->mode
	       : there && S_ISREG(there->st_mode) ? (int)there->st_mode & 0777
						  : DEFAULT_MODE;
	if (put->has_mtime && newfile_set_mtime(&put->file, put->mtime_ns) < 0)
		return err_sys(err, "failed to set time");
	hold_replaced(put, there);
	return newfile_commit(&put->file, put->dir_fd, put->base, (mode_t)mode,
			      put->syncs ? NEWFILE_SYNC : 0, err);
}

static void
answer_put(struct put *put)
{
	AUTO_BUF body = BUF_INIT(MAX_ANSWER);
	struct jsonw w = JSONW_INIT(&body);
	struct stat st = { .st_mode = S_IFREG };

	(void)fstatat(put->dir_fd, put->base, &st, AT_SYMLINK_NOFOLLOW);
	jsonw_object(&w, NULL);
	info_add(&w, put->path, -1, NULL, &st);
	jsonw_object_end(&w);
	log_info("file", "written", KV_STR("path", put->path),
		 KV_INT("bytes", (uint64_t)st.st_size));
	reply_json(put->x, &body);
}

static void
on_put_data(struct http_exchange *x, const void *bytes, size_t n, void *owner)
{
	struct put *put = owner;
	struct err err = ERR_INIT;

	if (!put->refusal.is_made &&
	    (n > 0 ? newfile_write(&put->file, bytes, n, &err)
		   : finish_put(put, &err)) < 0) {
		/* What is refused is of no use to a later try. */
		put->file.keeps = put->file.keeps && err.code == ERR_SYSTEM;
		refusal_make(&put->refusal, &err);
		newfile_fini(&put->file);
	}
	if (put->refusal.is_made)
		refusal_take(&put->refusal, x, n);
	else if (n == 0)
		answer_put(put);
}

void
content_api_put(struct http_exchange *x, const struct file_policy *policy)
{
	struct put *put = xcalloc(1, sizeof(*put));
	struct err err = ERR_INIT;

	put->x = x;
	put->dir_fd = put->replaced_fd = -1;
	put->file = (struct newfile)NEWFILE_INIT;
	if (begin_put(put, policy, &err) < 0) {
		put_free(put);
		refuse_unread(x, &err);
		return;
	}
	http_exchange_own(x, put, on_put_gone);
	http_exchange_read(x, on_put_data);
}

/* How much came under a key. */
static int
get_upload(struct http_exchange *x, const struct file_policy *policy,
	   uint64_t *ret, struct err *err)
{
	AUTO_FREE char *path = query_path(x, "path", err);
	AUTO_FREE char *key = http_head_query(http_exchange_head(x), "key");
	AUTO_FREE char *base = NULL;
	AUTO_CLOSE int fd = -1;

	if (path == NULL)
		return -1;
	if (key == NULL || !newfile_is_key(key))
		return err_set(err, ERR_INVALID,
			       "key: not 16 hexadecimal digits");
	*ret = 0;
	fd = confine_parent(policy, path, &base, err);
	if (fd < 0)
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	*ret = newfile_offset(fd, key);
	return 0;
}

void
content_api_upload(struct http_exchange *x, const struct file_policy *policy)
{
	AUTO_BUF body = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&body);
	struct err err = ERR_INIT;
	uint64_t offset;

	if (get_upload(x, policy, &offset, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	jsonw_object(&w, NULL);
	jsonw_u64(&w, "offset", offset);
	jsonw_object_end(&w);
	reply_json(x, &body);
}
