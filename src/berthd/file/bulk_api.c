/* SPDX-License-Identifier: ISC */

/*
 * Many files at once; see bulk_api.h.
 *
 * One callback does about a slice of work, counted in bytes; an entry costs
 * some 50 us of system calls, whatever its size, so its steps count as bytes.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "core/jsonw.h"
#include "core/log.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "http/server.h"
#include "archive/beneath.h"
#include "archive/newfile.h"
#include "archive/picked.h"
#include "archive/untar.h"
#include "berthd/file/bulk_api.h"
#include "berthd/file/confine.h"
#include "berthd/file/info.h"
#include "berthd/file/intake.h"
#include "berthd/file/policy.h"
#include "berthd/file/query.h"
#include "berthd/file/refusal.h"
#include "berthd/file/slices.h"
#include "berthd/reply.h"
#include "wire/errors.h"

/* Names of one request: some 100,000. */
#define MAX_NAMES (16u << 20)

#define SLICE (512u << 10)
#define STEP_COST 2048
#define COPY_SLICE (8u << 20)

/* Entries that were refused are told of up to this; the others are counted. */
#define MAX_REFUSED (4u << 20)

#define DIR_MODE 0755
#define TAR_TYPE "application/x-tar"

struct pack_op {
	struct slices slices;
	const struct file_policy *policy;
	char *path;
	char *names;
	struct picked *picked;
};

struct unpack_op {
	struct intake intake;
	char *path;
	struct untar *untar;
	struct buf refused; /* entries, as members of an array */
	uint64_t n_refused;
};

struct copy_op {
	struct http_exchange *x;
	uv_idle_t idle;
	int from_fd, dir_fd;
	char *base;
	struct stat st;
	struct newfile file;
};

/*
 * Packing
 */

static void
on_pack_gone(struct slices *slices)
{
	struct pack_op *op = container_of(slices, struct pack_op, slices);

	picked_free(op->picked);
	free(op->names);
	free(op->path);
	free(op);
}

static int
make_pack(struct slices *slices, struct err *err)
{
	struct pack_op *op = container_of(slices, struct pack_op, slices);
	size_t cost = 0;
	int rc = 1;

	while (rc > 0 && slices->out.len + cost < SLICE) {
		rc = picked_read(op->picked, &slices->out, err);
		cost += STEP_COST;
	}
	return rc;
}

static const struct slices_events pack_events = {
	.make = make_pack,
	.on_gone = on_pack_gone,
};

static void
on_pack_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct pack_op *op = container_of((struct slices *)owner,
					  struct pack_op, slices);
	struct err err = ERR_INIT;
	int fd;

	op->path = query_path(x, "path", &err);
	fd = op->path ? confine_open(op->policy, op->path, O_PATH | O_DIRECTORY,
				     &err)
		      : -1;
	if (fd < 0) {
		if (op->path)
			err_wrap(&err, "%.200s", op->path);
		reply_error(x, &err);
		return;
	}
	op->names = xmalloc(body->len + 1);
	memcpy(op->names, buf_bytes(body), body->len);
	op->picked = picked_new(fd, op->names, body->len, 0);
	slices_start(&op->slices, TAR_TYPE);
}

void
bulk_api_pack(struct http_exchange *x, const struct file_policy *policy)
{
	struct pack_op *op = xcalloc(1, sizeof(*op));

	op->policy = policy;
	slices_init(&op->slices, x, policy->loop, 4 * SLICE, &pack_events);
	http_exchange_collect(x, MAX_NAMES, on_pack_body);
}

/*
 * Unpacking
 */

static void
on_unpack_gone(struct intake *intake)
{
	struct unpack_op *op = container_of(intake, struct unpack_op, intake);

	untar_free(op->untar);
	buf_fini(&op->refused);
	free(op->path);
	free(op);
}

static void
on_unpack_refused(const char *name, const struct err *why, void *owner)
{
	struct unpack_op *op = owner;
	AUTO_BUF item = BUF_INIT(8 * PATH_MAX);
	struct jsonw w = JSONW_INIT(&item);

	op->n_refused++;
	jsonw_object(&w, NULL);
	info_add_bytes(&w, "name", "name_bytes", name);
	jsonw_str(&w, "code", error_row(why->code)->word);
	jsonw_str(&w, "message", why->msg);
	jsonw_object_end(&w);
	if (jsonw_done(&w) == 0 &&
	    op->refused.len + item.len + 1 <= MAX_REFUSED)
		(void)buf_addf(&op->refused, "%s%s",
			       op->refused.len > 0 ? "," : "", buf_text(&item));
}

static void
on_unpack_failed(struct intake *intake, const struct err *err)
{
	struct unpack_op *op = container_of(intake, struct unpack_op, intake);

	log_info("file", "archive refused", KV_STR("path", op->path),
		 KV_ERR(err));
	untar_free(TAKE(op->untar));
}

static void
answer_unpacked(struct unpack_op *op)
{
	AUTO_BUF body = BUF_INIT(MAX_REFUSED + 256);
	struct jsonw w = JSONW_INIT(&body);
	AUTO_FREE char *refused = xasprintf("[%s]", buf_text(&op->refused));

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", op->n_refused == 0);
	jsonw_u64(&w, "files_written", untar_n_files(op->untar));
	if (op->n_refused > 0) {
		jsonw_u64(&w, "n_refused", op->n_refused);
		jsonw_raw(&w, "refused", refused);
	}
	jsonw_object_end(&w);
	log_info("file", "unpacked", KV_STR("path", op->path),
		 KV_INT("files", untar_n_files(op->untar)),
		 KV_INT("refused", op->n_refused));
	reply_json(op->intake.x, &body);
}

static int
work_unpack(struct intake *intake, struct err *err)
{
	struct unpack_op *op = container_of(intake, struct unpack_op, intake);
	const uint8_t *in = buf_bytes(&intake->in);
	size_t n = intake->in.len, cost = 0;
	int rc = 1;

	while (rc > 0 && cost < SLICE) {
		rc = untar_step(op->untar, &in, &n, err);
		cost += STEP_COST;
	}
	buf_consume(&intake->in, intake->in.len - n);
	return rc;
}

static int
finish_unpack(struct intake *intake, struct err *err)
{
	struct unpack_op *op = container_of(intake, struct unpack_op, intake);

	if (untar_finish(op->untar, err) < 0)
		return -1;
	answer_unpacked(op);
	return 0;
}

static const struct intake_events unpack_events = {
	.work = work_unpack,
	.finish = finish_unpack,
	.on_failed = on_unpack_failed,
	.on_gone = on_unpack_gone,
};

static int
open_dst(const struct file_policy *policy, const char *path, struct err *err)
{
	AUTO_FREE char *missing = NULL;
	AUTO_CLOSE int fd = confine_existing(policy, path, &missing, err);
	int made;

	if (fd < 0)
		return err_wrap(err, "%.200s", path);
	made = beneath_mkdirs(fd, missing, DIR_MODE);
	return made < 0 ? err_sys(err, "failed to make %.200s", path) : made;
}

void
bulk_api_unpack(struct http_exchange *x, const struct file_policy *policy)
{
	static const struct untar_events events = {
		.on_refused = on_unpack_refused,
	};
	struct err err = ERR_INIT;
	AUTO_FREE char *path = query_path(x, "path", &err);
	struct unpack_op *op;
	int fd = path ? open_dst(policy, path, &err) : -1;

	if (fd < 0) {
		refuse_unread(x, &err);
		return;
	}
	op = xcalloc(1, sizeof(*op));
	op->path = path_clean(path);
	op->untar = untar_new(fd, op->path, policy->max_tree_entries);
	untar_keep(op->untar);
	if (query_flag(x, "partial"))
		untar_watch(op->untar, &events, op);
	buf_init(&op->refused, MAX_REFUSED);
	intake_start(&op->intake, x, policy->loop, SLICE, &unpack_events);
}

/*
 * Copying
 */

static void
on_copy_closed(uv_handle_t *handle)
{
	struct copy_op *op = container_of((uv_idle_t *)handle, struct copy_op,
					  idle);

	newfile_fini(&op->file);
	if (op->from_fd >= 0)
		close(op->from_fd);
	if (op->dir_fd >= 0)
		close(op->dir_fd);
	free(op->base);
	free(op);
}

static void
on_copy_gone(struct http_exchange *x UNUSED, void *owner)
{
	struct copy_op *op = owner;

	uv_close((uv_handle_t *)&op->idle, on_copy_closed);
}

/* A slice, inside the kernel where it can: 1 there may be more, 0 the end. */
static int
copy_slice(struct copy_op *op, struct err *err)
{
	uint8_t piece[32768];
	ssize_t n = copy_file_range(op->from_fd, NULL, op->file.fd, NULL,
				    COPY_SLICE, 0);

	if (n > 0)
		op->file.size += (uint64_t)n;
	if (n >= 0 && (n > 0 || op->st.st_size > 0))
		return n > 0;
	/* Between file systems of old kernels, or out of /proc. */
	n = read(op->from_fd, piece, sizeof(piece));
	if (n < 0)
		return err_sys(err, "failed to read");
	if (n > 0 && newfile_write(&op->file, piece, (size_t)n, err) < 0)
		return -1;
	return n > 0;
}

static void
on_copy_idle(uv_idle_t *idle)
{
	struct copy_op *op = container_of(idle, struct copy_op, idle);
	struct err err = ERR_INIT;
	int rc = copy_slice(op, &err);

	if (rc > 0)
		return;
	uv_idle_stop(idle);
	if (rc < 0 || newfile_commit(&op->file, op->dir_fd, op->base,
				     op->st.st_mode & 0777, 0, &err) < 0)
		reply_error(op->x, &err);
	else
		http_reply(op->x, 200, REPLY_JSON, "{\"ok\":true}\n", 12);
}

static int
open_source(struct copy_op *op, const struct file_policy *policy,
	    const char *path, struct err *err)
{
	op->from_fd = confine_open(policy, path,
				   O_RDONLY | O_NONBLOCK | O_NOCTTY, err);
	if (op->from_fd < 0)
		return err_wrap(err, "%.200s", path);
	if (fstat(op->from_fd, &op->st) < 0)
		return err_sys(err, "%.200s", path);
	if (!S_ISREG(op->st.st_mode))
		return err_set(err, ERR_INVALID, "%.200s: is not a file", path);
	return 0;
}

static int
begin_copy(struct copy_op *op, const struct file_policy *policy,
	   struct err *err)
{
	AUTO_FREE char *path = query_path(op->x, "path", err);
	AUTO_FREE char *to = path ? query_path(op->x, "to", err) : NULL;

	if (to == NULL || open_source(op, policy, path, err) < 0)
		return -1;
	op->dir_fd = confine_parent(policy, to, &op->base, err);
	if (op->dir_fd < 0)
		return err_wrap(err, "%.200s", to);
	if (query_flag(op->x, "new") &&
	    faccessat(op->dir_fd, op->base, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, ERR_CONFLICT, "%.200s exists already", to);
	return newfile_open(&op->file, op->dir_fd, NEWFILE_NAMELESS, err);
}

void
bulk_api_copy(struct http_exchange *x, const struct file_policy *policy)
{
	struct copy_op *op = xcalloc(1, sizeof(*op));
	struct err err = ERR_INIT;

	op->x = x;
	op->from_fd = op->dir_fd = -1;
	op->file = (struct newfile)NEWFILE_INIT;
	uv_idle_init(policy->loop, &op->idle);
	http_exchange_own(x, op, on_copy_gone);
	if (begin_copy(op, policy, &err) < 0)
		reply_error(x, &err);
	else
		uv_idle_start(&op->idle, on_copy_idle);
}
