/* SPDX-License-Identifier: ISC */

/*
 * Directory trees as tar.gz; see sync_api.h.
 *
 * Upload: body, gunzip, untar, files.  A slice of work is bounded by what comes
 * out of gunzip and by the number of entries, not by what goes in: a small
 * piece of body can hold a thousand files.
 *
 * An upload that fails writes nothing more, but what was complete by then
 * stays, as after an interrupted tar.
 *
 * Download: walk, tar, gzip, body.  The head is sent before the walk, so what
 * goes wrong later cannot be told but by a broken connection; what cannot be
 * read is left out, as codexd does, and logged.
 */

#include <errno.h>
#include <fcntl.h>

#include <uv.h>

#include "core/json.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "http/server.h"
#include "archive/beneath.h"
#include "berthd/file/confine.h"
#include "berthd/file/gzip.h"
#include "berthd/file/intake.h"
#include "berthd/file/policy.h"
#include "berthd/file/refusal.h"
#include "berthd/file/slices.h"
#include "berthd/file/sync_api.h"
#include "berthd/file/pack.h"
#include "archive/untar.h"
#include "berthd/reply.h"

#define MAX_REQUEST (256u << 10)
#define MAX_PATH_LEN 4096

/*
 * One callback packs or unpacks so many bytes, piece by piece.  An entry costs
 * some 50 us of system calls, whatever its size, so its steps count as bytes.
 */
#define SLICE (256u << 10)
#define PIECE (32u << 10)
#define STEP_COST 2048

/* Below this a ratio means nothing. */
#define RATIO_FROM (64ull << 20)

#define DIR_MODE 0755

struct upload {
	struct intake intake;
	const struct file_policy *policy;
	char *dst;
	struct gunzip *gunzip;
	struct untar *untar;
	uint64_t n_in, n_out;
	uint8_t piece[PIECE];
};

struct download {
	struct slices slices;
	const struct file_policy *policy;
	char *path;
	struct pack *pack;
	struct gzip *gzip;
	struct buf tar;
	uint64_t n_out;
};

struct download_request {
	char *path;
	char **excludes;
};

static const struct json_field download_fields[] = {
	JSON_F(struct download_request, path, STR, false),
	JSON_F(struct download_request, excludes, STRS, false),
};

static void
auto_request(struct download_request *request)
{
	json_fields_fini(download_fields, ARRAY_SIZE(download_fields), request);
}

#define AUTO_REQUEST __attribute__((cleanup(auto_request)))

/*
 * Upload
 */

static void
on_upload_gone(struct intake *intake)
{
	struct upload *up = container_of(intake, struct upload, intake);

	untar_free(up->untar);
	gunzip_free(up->gunzip);
	free(up->dst);
	free(up);
}

static int
check_bomb(const struct upload *up, struct err *err)
{
	const struct file_policy *policy = up->policy;

	if (policy->max_tree_bytes && up->n_out > policy->max_tree_bytes)
		return err_set(err, ERR_LIMIT,
			       "the archive holds more than %llu bytes",
			       (unsigned long long)policy->max_tree_bytes);
	if (policy->max_ratio && up->n_out > RATIO_FROM &&
	    up->n_out / policy->max_ratio > up->n_in)
		return err_set(err, ERR_LIMIT,
			       "the archive unpacks to more than %llu times "
			       "its size",
			       (unsigned long long)policy->max_ratio);
	return 0;
}

/*
 * Unpack one piece of a slice and add what it cost.  *ret_dry: nothing more
 * comes out without more body.
 */
static int
unpack_piece(struct upload *up, size_t *cost, bool *ret_dry, struct err *err)
{
	struct buf *body = &up->intake.in;
	const uint8_t *in = buf_bytes(body), *out = up->piece;
	size_t n_in = body->len, n_out;
	ssize_t got;
	int rc;

	got = gunzip_read(up->gunzip, &in, &n_in, up->piece, sizeof(up->piece),
			  err);
	if (got < 0)
		return -1;
	*ret_dry = (size_t)got < sizeof(up->piece);
	up->n_in += body->len - n_in;
	up->n_out += (uint64_t)got;
	buf_consume(body, body->len - n_in);
	if (check_bomb(up, err) < 0)
		return -1;
	n_out = (size_t)got;
	*cost += n_out;
	while ((rc = untar_step(up->untar, &out, &n_out, err)) > 0)
		*cost += STEP_COST;
	return rc;
}

static int
work_upload(struct intake *intake, struct err *err)
{
	struct upload *up = container_of(intake, struct upload, intake);
	bool is_dry = false;
	size_t cost = 0;

	while (!is_dry && cost < SLICE) {
		if (unpack_piece(up, &cost, &is_dry, err) < 0)
			return -1;
	}
	return !is_dry;
}

static void
answer_uploaded(struct upload *up)
{
	AUTO_BUF body = BUF_INIT(8 * MAX_PATH_LEN);
	struct jsonw w = JSONW_INIT(&body);
	uint64_t n_files = untar_n_files(up->untar);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", true);
	jsonw_str(&w, "path", up->dst);
	jsonw_u64(&w, "files_written", n_files);
	jsonw_object_end(&w);
	log_info("file", "uploaded", KV_STR("path", up->dst),
		 KV_INT("files", n_files), KV_INT("bytes", up->n_out));
	reply_json(up->intake.x, &body);
}

static int
finish_upload(struct intake *intake, struct err *err)
{
	struct upload *up = container_of(intake, struct upload, intake);

	if (up->n_in == 0)
		return err_set(err, ERR_INVALID, "invalid gzip: EOF");
	if (!gunzip_is_complete(up->gunzip))
		return err_set(err, ERR_INVALID,
			       "invalid gzip: unexpected EOF");
	if (untar_finish(up->untar, err) < 0)
		return -1;
	answer_uploaded(up);
	return 0;
}

static void
on_upload_failed(struct intake *intake, const struct err *err)
{
	struct upload *up = container_of(intake, struct upload, intake);

	log_info("file", "upload refused", KV_STR("path", up->dst),
		 KV_ERR(err));
	untar_free(TAKE(up->untar));
}

static const struct intake_events upload_events = {
	.work = work_upload,
	.finish = finish_upload,
	.on_failed = on_upload_failed,
	.on_gone = on_upload_gone,
};

/* The directory to unpack in, as a descriptor. */
static int
open_dst(const struct file_policy *policy, const char *dst, bool mkdir_p,
	 struct err *err)
{
	AUTO_FREE char *missing = NULL;
	AUTO_CLOSE int fd = -1;
	int made;

	if (dst == NULL || dst[0] == '\0')
		return err_set(err, ERR_INVALID,
			       "dst query parameter is required");
	if (dst[0] != '/')
		return err_set(err, ERR_INVALID, "dst must be absolute");
	fd = confine_existing(policy, dst, &missing, err);
	if (fd < 0 && err->code == ERR_DENIED)
		return err_set(err, ERR_DENIED, "dst path not allowed");
	if (fd < 0 && err->sys == ENOTDIR)
		return err_set(err, ERR_INVALID, "dst must be a directory");
	if (fd < 0)
		return -1;
	if (missing[0] && !mkdir_p) {
		err_set(err, ERR_NOT_FOUND, "dst not found");
		return err_hint(err, "mkdir_p=true makes it");
	}
	made = beneath_mkdirs(fd, missing, DIR_MODE);
	return made < 0 ? err_sys(err, "failed to create directory") : made;
}

void
sync_api_upload(struct http_exchange *x, const struct file_policy *policy)
{
	const struct http_head *head = http_exchange_head(x);
	AUTO_FREE char *dst = http_head_query(head, "dst");
	AUTO_FREE char *mkdir_p = http_head_query(head, "mkdir_p");
	struct err err = ERR_INIT;
	struct upload *up;
	int fd;

	fd = open_dst(policy, dst, mkdir_p && str_eq(mkdir_p, "true"), &err);
	if (fd < 0) {
		refuse_unread(x, &err);
		return;
	}
	up = xcalloc(1, sizeof(*up));
	up->policy = policy;
	up->dst = path_clean(dst);
	up->gunzip = gunzip_new();
	up->untar = untar_new(fd, up->dst, policy->max_tree_entries);
	intake_start(&up->intake, x, policy->loop, 0, &upload_events);
}

/*
 * Download
 */

static void
on_download_gone(struct slices *slices)
{
	struct download *down = container_of(slices, struct download, slices);

	pack_free(down->pack);
	gzip_free(down->gzip);
	buf_fini(&down->tar);
	free(down->path);
	free(down);
}

static int
make_download(struct slices *slices, struct err *err)
{
	struct download *down = container_of(slices, struct download, slices);
	size_t cost = 0;
	int rc = 1, packed = 0;

	while (rc > 0 && packed == 0 && cost < SLICE) {
		buf_clear(&down->tar);
		rc = pack_read(down->pack, &down->tar, err);
		cost += down->tar.len + STEP_COST;
		down->n_out += down->tar.len;
		packed = gzip_add(down->gzip, buf_bytes(&down->tar),
				  down->tar.len, &slices->out);
	}
	if (rc == 0 && packed == 0)
		packed = gzip_end(down->gzip, &slices->out);
	return packed < 0 ? err_set(err, ERR_LIMIT, "no room") : rc;
}

static void
on_download_end(struct slices *slices, const struct err *err)
{
	struct download *down = container_of(slices, struct download, slices);
	uint64_t n_skipped = pack_n_skipped(down->pack);

	if (err)
		log_error("file", "download failed", KV_STR("path", down->path),
			  KV_ERR(err));
	else if (n_skipped)
		log_warn("file", "downloaded without what cannot be read",
			 KV_STR("path", down->path),
			 KV_INT("skipped", n_skipped));
	else
		log_info("file", "downloaded", KV_STR("path", down->path),
			 KV_INT("bytes", down->n_out));
}

static const struct slices_events download_events = {
	.make = make_download,
	.on_end = on_download_end,
	.on_gone = on_download_gone,
};

static int
open_src(const struct file_policy *policy, const char *path, struct err *err)
{
	int fd;

	if (path == NULL || path[0] == '\0')
		return err_set(err, ERR_INVALID, "path is required");
	if (path[0] != '/')
		return err_set(err, ERR_INVALID, "path must be absolute");
	fd = confine_open(policy, path, O_RDONLY | O_DIRECTORY, err);
	if (fd < 0 && err->sys == ENOTDIR)
		return err_set(err, ERR_INVALID, "path must be a directory");
	if (fd < 0 && err->code == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "path not found");
	return fd;
}

static int
decode_download(const struct buf *body, struct download_request *ret,
		struct err *err)
{
	struct err why = ERR_INIT;

	if (json_decode_text(buf_bytes(body), body->len, download_fields,
			     ARRAY_SIZE(download_fields), 0, ret, &why) == 0)
		return 0;
	err_set(err, ERR_INVALID, "invalid request body");
	return err_hint(err, "%.255s", why.msg);
}

static void
on_download_body(struct http_exchange *x, const struct buf *body, void *owner)
{
	struct download *down = container_of((struct slices *)owner,
					     struct download, slices);
	AUTO_REQUEST struct download_request request = { 0 };
	struct err err = ERR_INIT;
	int fd;

	if (decode_download(body, &request, &err) < 0 ||
	    (fd = open_src(down->policy, request.path, &err)) < 0 ||
	    (down->pack = pack_new(fd, request.excludes, &err)) == NULL) {
		reply_error(x, &err);
		return;
	}
	down->path = xstrdup(request.path);
	down->gzip = gzip_new();
	slices_start(&down->slices, "application/x-tar+gzip");
}

void
sync_api_download(struct http_exchange *x, const struct file_policy *policy)
{
	struct download *down = xcalloc(1, sizeof(*down));

	down->policy = policy;
	buf_init(&down->tar, 2 * SLICE);
	slices_init(&down->slices, x, policy->loop, 4 * SLICE,
		    &download_events);
	http_exchange_collect(x, MAX_REQUEST, on_download_body);
}
