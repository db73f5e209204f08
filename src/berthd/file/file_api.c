/* SPDX-License-Identifier: ISC */

/*
 * One file in one request; see file_api.h.
 *
 * Reading: slices of the file become base64 one by one; between two slices the
 * loop serves others, and a slow client stops the reading.
 *
 * Writing: the content is diverted from the JSON as it arrives and goes to a
 * file that has no name yet.  The path is usually known by then: it is looked
 * for in the text so far.  Only if the content comes first does it wait in
 * memory, to be written in slices at the end.  Directories that must be made
 * are named after the content, so the nameless file begins its life in the
 * deepest directory that exists, which is on the same file system.
 *
 * Texts and statuses are codexd's where it has one for the case.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "core/fs.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "http/server.h"
#include "berthd/file/base64in.h"
#include "archive/beneath.h"
#include "berthd/file/confine.h"
#include "berthd/file/divert.h"
#include "berthd/file/file_api.h"
#include "archive/newfile.h"
#include "berthd/file/policy.h"
#include "berthd/file/refusal.h"
#include "berthd/file/slices.h"
#include "berthd/reply.h"

/* A request without its content; a path is at most 4 KiB. */
#define MAX_REQUEST (64u << 10)

/* Read at a time; a multiple of three, so that no padding is in the middle. */
#define READ_SLICE (192u << 10)

/* What follows the content in an answer. */
#define MAX_TAIL 64

#define WRITE_SLICE (256u << 10)

/* The most that one piece of a body can be. */
#define MAX_PIECE (1u << 20)

#define DEFAULT_MODE 0644
#define DIR_MODE 0755

struct file_request {
	char *path;
	char *content; /* diverted, so never more than "" */
	int64_t mode;
	bool mkdir_p;
};

struct read_op {
	struct slices slices;
	const struct file_policy *policy;
	int fd;
	uint64_t size; /* read so far */
	uint8_t bytes[READ_SLICE];
};

struct write_op {
	struct http_exchange *x;
	const struct file_policy *policy;
	uv_idle_t idle; /* active while `spool' is written */
	struct divert divert;
	struct base64_in base64;
	struct buf piece, bytes; /* of the content: as text, decoded */
	struct refusal refusal;
	bool is_path_sought; /* was there a path before the content? */
	int dir_fd;	     /* the deepest directory that exists */
	char *missing;	     /* those that do not, below it */
	char *base;	     /* the last component */
	struct newfile file;
	struct buf spool; /* content that came before the path */
	uint64_t size;
	struct file_request request; /* once the body is complete */
};

static const struct json_field read_fields[] = {
	JSON_F(struct file_request, path, STR, false),
};

static const struct json_field write_fields[] = {
	JSON_F(struct file_request, path, STR, false),
	JSON_F(struct file_request, content, STR, false),
	JSON_F(struct file_request, mode, INT, false),
	JSON_F(struct file_request, mkdir_p, BOOL, false),
};

static void
auto_request(struct file_request *request)
{
	json_fields_fini(write_fields, ARRAY_SIZE(write_fields), request);
}

#define AUTO_REQUEST __attribute__((cleanup(auto_request)))

static int
decode_request(const struct buf *body, const struct json_field *fields,
	       size_t n, struct file_request *ret, struct err *err)
{
	struct err why = ERR_INIT;

	if (json_decode_text(buf_bytes(body), body->len, fields, n, 0, ret,
			     &why) == 0)
		return 0;
	err_set(err, ERR_INVALID, "invalid request body");
	return err_hint(err, "%.255s", why.msg);
}

static int
check_path(const char *path, struct err *err)
{
	if (path == NULL || path[0] == '\0')
		return err_set(err, ERR_INVALID, "path is required");
	if (path[0] != '/')
		return err_set(err, ERR_INVALID, "path must be absolute");
	return 0;
}

/*
 * Reading
 */

static void
on_read_gone(struct slices *slices)
{
	struct read_op *op = container_of(slices, struct read_op, slices);

	if (op->fd >= 0)
		close(op->fd);
	free(op);
}

static int
open_file(struct read_op *op, const char *path, struct err *err)
{
	struct stat st;

	if (check_path(path, err) < 0)
		return -1;
	op->fd = confine_open(op->policy, path,
			      O_RDONLY | O_NONBLOCK | O_NOCTTY, err);
	if (op->fd < 0 && err->code == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "file not found");
	if (op->fd < 0)
		return -1;
	if (fstat(op->fd, &st) < 0)
		return err_sys(err, "failed to stat");
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "path is a directory");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "path is not a file");
	if (op->policy->max_file_size &&
	    (uint64_t)st.st_size > op->policy->max_file_size)
		return err_set(err, ERR_LIMIT, "file too large");
	return 0;
}

static void
begin_read_answer(struct read_op *op, const char *path)
{
	AUTO_BUF head = BUF_INIT(MAX_REQUEST);
	struct jsonw w = JSONW_INIT(&head);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", true);
	jsonw_str(&w, "path", path);
	(void)buf_adds(&head, ",\"content\":\"");
	slices_start(&op->slices, REPLY_JSON);
	(void)http_reply_write(op->slices.x, buf_bytes(&head), head.len);
}

/* A file that cannot be read on cannot be answered either. */
static int
make_read(struct slices *slices, struct err *err)
{
	struct read_op *op = container_of(slices, struct read_op, slices);
	ssize_t got = read_full(op->fd, op->bytes, sizeof(op->bytes));

	if (got < 0)
		return err_sys(err, "failed to read");
	op->size += (uint64_t)got;
	if (op->policy->max_file_size && op->size > op->policy->max_file_size)
		return err_set(err, ERR_LIMIT, "file too large");
	(void)base64_add(&slices->out, op->bytes, (size_t)got);
	if ((size_t)got == sizeof(op->bytes))
		return 1;
	(void)buf_addf(&slices->out, "\",\"size\":%llu}\n",
		       (unsigned long long)op->size);
	return 0;
}

static const struct slices_events read_events = {
	.make = make_read,
	.on_gone = on_read_gone,
};

static void
on_read_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct read_op *op = container_of((struct slices *)owner,
					  struct read_op, slices);
	AUTO_REQUEST struct file_request request = { 0 };
	struct err err = ERR_INIT;

	if (decode_request(body, read_fields, ARRAY_SIZE(read_fields), &request,
			   &err) < 0 ||
	    open_file(op, request.path, &err) < 0) {
		reply_error(x, &err);
		return;
	}
	begin_read_answer(op, request.path);
}

void
file_api_read(struct http_exchange *x, const struct file_policy *policy)
{
	struct read_op *op = xcalloc(1, sizeof(*op));

	op->policy = policy;
	op->fd = -1;
	slices_init(&op->slices, x, policy->loop, READ_SLICE / 3 * 4 + MAX_TAIL,
		    &read_events);
	http_exchange_collect(x, MAX_REQUEST, on_read_body);
}

/*
 * Writing
 */

static void
on_write_closed(uv_handle_t *handle)
{
	struct write_op *op = container_of((uv_idle_t *)handle, struct write_op,
					   idle);

	newfile_fini(&op->file);
	divert_fini(&op->divert);
	base64_in_fini(&op->base64);
	buf_fini(&op->piece);
	buf_fini(&op->bytes);
	buf_fini(&op->spool);
	if (op->dir_fd >= 0)
		close(op->dir_fd);
	free(op->missing);
	free(op->base);
	auto_request(&op->request);
	free(op);
}

static void
on_write_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct write_op *op = owner;

	uv_close((uv_handle_t *)&op->idle, on_write_closed);
}

/* Find where the file goes, and begin it. */
static int
begin_file(struct write_op *op, const char *path, struct err *err)
{
	AUTO_FREE char *clean = NULL;
	AUTO_FREE char *dir = NULL;

	if (check_path(path, err) < 0)
		return -1;
	clean = path_clean(path);
	op->base = xstrdup(path_base(clean));
	dir = xstrndup(clean, strlen(clean) - strlen(op->base));
	op->dir_fd = confine_existing(op->policy, dir, &op->missing, err);
	if (op->dir_fd < 0)
		return -1;
	return newfile_open(&op->file, op->dir_fd, NEWFILE_NAMELESS, err);
}

/* The content begins: is the path known already? */
static int
seek_path(struct write_op *op, struct err *err)
{
	AUTO_BUF so_far = BUF_INIT(MAX_REQUEST + 2);
	AUTO_REQUEST struct file_request request = { 0 };

	op->is_path_sought = true;
	(void)buf_add(&so_far, buf_bytes(&op->divert.rest),
		      op->divert.rest.len);
	(void)buf_adds(&so_far, "\"}");
	if (decode_request(&so_far, write_fields, ARRAY_SIZE(write_fields),
			   &request, err) < 0 ||
	    request.path == NULL)
		return 0;
	return begin_file(op, request.path, err);
}

static int
put_content(struct write_op *op, struct err *err)
{
	op->size += op->bytes.len;
	if (op->policy->max_file_size && op->size > op->policy->max_file_size)
		return err_set(err, ERR_LIMIT, "file too large");
	if (op->file.fd >= 0)
		return newfile_write(&op->file, buf_bytes(&op->bytes),
				     op->bytes.len, err);
	if (buf_add(&op->spool, buf_bytes(&op->bytes), op->bytes.len) < 0)
		return err_set(err, ERR_LIMIT, "file too large");
	return 0;
}

static int
take_piece(struct write_op *op, const void *bytes, size_t n, struct err *err)
{
	buf_clear(&op->piece);
	buf_clear(&op->bytes);
	if (divert_add(&op->divert, bytes, n, &op->piece, err) < 0)
		return -1;
	if (op->piece.len == 0)
		return 0;
	if (base64_in_add(&op->base64, buf_text(&op->piece), op->piece.len,
			  &op->bytes) < 0)
		return err_set(err, ERR_INVALID, "invalid base64 content");
	if (!op->is_path_sought && divert_is_inside(&op->divert) &&
	    seek_path(op, err) < 0)
		return -1;
	return put_content(op, err);
}

/* The directory of the file, with those that were missing. */
static int
enter_dir(struct write_op *op, struct err *err)
{
	int fd;

	if (op->missing[0] == '\0')
		return 0;
	if (!op->request.mkdir_p) {
		err_set(err, ERR_NOT_FOUND,
			"failed to create temp file: no such directory");
		return err_hint(err, "mkdir_p makes the directories");
	}
	fd = beneath_mkdirs(op->dir_fd, op->missing, DIR_MODE);
	if (fd < 0)
		return err_sys(err, "failed to create directory");
	close(op->dir_fd);
	op->dir_fd = fd;
	return 0;
}

/* The body is complete: judge it, and have file and directory ready. */
static int
take_request(struct write_op *op, struct err *err)
{
	if (decode_request(&op->divert.rest, write_fields,
			   ARRAY_SIZE(write_fields), &op->request, err) < 0)
		return -1;
	/* Its name was written with escapes, which no encoder does. */
	if (op->request.content && op->request.content[0])
		return err_set(err, ERR_INVALID, "invalid request body");
	if (op->file.fd < 0 && begin_file(op, op->request.path, err) < 0)
		return -1;
	if (!base64_in_is_complete(&op->base64))
		return err_set(err, ERR_INVALID, "invalid base64 content");
	return enter_dir(op, err);
}

static void
answer_written(struct write_op *op)
{
	AUTO_BUF body = BUF_INIT(MAX_REQUEST);
	struct jsonw w = JSONW_INIT(&body);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", true);
	jsonw_str(&w, "path", op->request.path);
	jsonw_u64(&w, "bytes_written", op->size);
	jsonw_object_end(&w);
	log_info("file", "written", KV_STR("path", op->request.path),
		 KV_INT("bytes", op->size));
	reply_json(op->x, &body);
}

static int
commit(struct write_op *op, struct err *err)
{
	int64_t mode = op->request.mode;

	return newfile_commit(&op->file, op->dir_fd, op->base,
			      mode > 0 ? (mode_t)(mode & 0777) : DEFAULT_MODE,
			      NEWFILE_SYNC, err);
}

/* One slice of what waited, or the end. */
static void
on_write_idle(uv_idle_t *idle)
{
	struct write_op *op = container_of(idle, struct write_op, idle);
	size_t n = MIN(op->spool.len, (size_t)WRITE_SLICE);
	struct err err = ERR_INIT;
	int rc;

	rc = newfile_write(&op->file, buf_bytes(&op->spool), n, &err);
	buf_consume(&op->spool, n);
	if (rc == 0 && op->spool.len > 0)
		return;
	uv_idle_stop(idle);
	if (rc < 0 || commit(op, &err) < 0)
		reply_error(op->x, &err);
	else
		answer_written(op);
}

static void
on_write_data(struct http_exchange *x, const void *bytes, size_t n, void *owner)
{
	struct write_op *op = owner;
	struct err err = ERR_INIT;

	if (!op->refusal.is_made && (n > 0 ? take_piece(op, bytes, n, &err)
					   : take_request(op, &err)) < 0) {
		refusal_make(&op->refusal, &err);
		newfile_fini(&op->file);
		buf_fini(&op->spool);
	}
	if (op->refusal.is_made)
		refusal_take(&op->refusal, x, n);
	else if (n == 0)
		uv_idle_start(&op->idle, on_write_idle);
}

void
file_api_write(struct http_exchange *x, const struct file_policy *policy)
{
	struct write_op *op = xcalloc(1, sizeof(*op));

	op->x = x;
	op->policy = policy;
	op->dir_fd = -1;
	op->file = (struct newfile)NEWFILE_INIT;
	divert_init(&op->divert, "content", MAX_REQUEST);
	base64_in_init(&op->base64, MAX_PIECE);
	buf_init(&op->piece, MAX_PIECE);
	buf_init(&op->bytes, MAX_PIECE);
	buf_init(&op->spool,
		 policy->max_file_size ? policy->max_file_size : SIZE_MAX / 2);
	uv_idle_init(policy->loop, &op->idle);
	http_exchange_own(x, op, on_write_gone);
	http_exchange_read(x, on_write_data);
}
