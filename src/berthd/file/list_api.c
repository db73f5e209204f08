/* SPDX-License-Identifier: ISC */

/*
 * Lists of directories; see list_api.h.
 *
 * A list can be of the whole tree.  Temporary files of our own are not part of
 * it, and those that nobody is writing are removed if the request says so: that
 * is how a sync cleans up behind one that was killed.
 *
 * A fetch remembers the names of the files that it lists, and packs them when
 * all are listed.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/jsonw.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/sha1.h"
#include "core/text.h"
#include "http/server.h"
#include "archive/newfile.h"
#include "archive/picked.h"
#include "archive/walk.h"
#include "berthd/file/confine.h"
#include "berthd/file/info.h"
#include "berthd/file/list_api.h"
#include "berthd/file/policy.h"
#include "berthd/file/query.h"
#include "berthd/file/slices.h"
#include "berthd/reply.h"

/* Lines of one slice; each costs a few microseconds. */
#define SLICE_ENTRIES 512
#define SUM_COST 16
#define PACK_COST 4
#define SLICE_BYTES (512u << 10)

/* Names that a fetch remembers: some 100,000. */
#define MAX_NAMES (16u << 20)

#define FETCH_TYPE "application/octet-stream"

struct list_op {
	struct slices slices;
	struct walk *walk;
	bool is_recursive, sums, sweeps;
	uint64_t n;

	/* What a fetch packs; picked is NULL until all is listed. */
	bool is_fetch, packs;
	int root_fd;
	uint64_t below;
	struct buf names;
	struct picked *picked;

	int sum_fd; /* the file whose sum is made, or -1 */
	struct sha1 sum;
	uint8_t piece[64u << 10];
};

static void
on_list_gone(struct slices *slices)
{
	struct list_op *op = container_of(slices, struct list_op, slices);

	walk_free(op->walk);
	picked_free(op->picked);
	fd_close(&op->root_fd);
	fd_close(&op->sum_fd);
	buf_fini(&op->names);
	free(op);
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
	fd_close(&op->sum_fd);
	sha1_end(&op->sum, sum);
	hex_encode(hex, sum, sizeof(sum));
	/* One that cannot be read has no sum. */
	if (got >= 0)
		(void)buf_addf(&op->slices.out, ",\"sha1\":\"%s\"", hex);
	(void)buf_adds(&op->slices.out, "}\n");
}

/* With too many names nothing is packed: the other side has to ask for it. */
static void
remember(struct list_op *op, const struct walk_entry *e)
{
	if (!op->packs || !S_ISREG(e->st.st_mode) ||
	    (uint64_t)e->st.st_size >= op->below)
		return;
	op->packs = buf_add(&op->names, e->path, strlen(e->path) + 1) == 0;
}

static void
list_entry(struct list_op *op, const struct walk_entry *e)
{
	struct jsonw w = JSONW_INIT(&op->slices.out);

	if (S_ISREG(e->st.st_mode) && newfile_is_temporary(e->name, NULL) &&
	    !newfile_tidy(e->dir_fd, e->name, op->sweeps))
		return;
	jsonw_object(&w, NULL);
	if (op->is_fetch)
		info_add_state(&w, e->path, e->dir_fd, e->name, &e->st);
	else
		info_add(&w, e->path, e->dir_fd, e->name, &e->st);
	op->n++;
	remember(op, e);
	if (op->sums && S_ISREG(e->st.st_mode))
		op->sum_fd = open_for_sum(e);
	if (op->sum_fd >= 0) {
		sha1_init(&op->sum);
		return;
	}
	if (op->is_recursive && S_ISDIR(e->st.st_mode) &&
	    walk_enter(op->walk) < 0)
		jsonw_bool(&w, "closed", true);
	(void)buf_adds(&op->slices.out, "}\n");
}

/* The last line: 1 the files follow, 0 that was all. */
static int
end_list(struct list_op *op)
{
	struct jsonw w = JSONW_INIT(&op->slices.out);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "type", "end");
	jsonw_u64(&w, "entries", op->n);
	jsonw_u64(&w, "skipped", walk_n_skipped(op->walk));
	jsonw_object_end(&w);
	(void)buf_addc(&op->slices.out, '\n');
	if (!op->packs)
		return 0;
	op->picked = picked_new(TAKE_FD(op->root_fd), buf_text(&op->names),
				op->names.len, PICKED_FILES | PICKED_SECONDS);
	return 1;
}

/* One more entry, piece of a file to sum up, or piece of the archive. */
static int
step(struct list_op *op, uint64_t *cost, struct err *err)
{
	struct walk_entry e;

	if (op->picked) {
		*cost += PACK_COST;
		return picked_read(op->picked, &op->slices.out, err);
	}
	if (op->sum_fd >= 0) {
		*cost += SUM_COST;
		step_sum(op);
		return 1;
	}
	*cost += 1;
	if (walk_next(op->walk, &e) == 0)
		return end_list(op);
	list_entry(op, &e);
	return 1;
}

static int
make_list(struct slices *slices, struct err *err)
{
	struct list_op *op = container_of(slices, struct list_op, slices);
	uint64_t cost = 0;
	int rc = 1;

	while (rc > 0 && cost < SLICE_ENTRIES && slices->out.len < SLICE_BYTES)
		rc = step(op, &cost, err);
	return rc;
}

static const struct slices_events list_events = {
	.make = make_list,
	.on_gone = on_list_gone,
};

static int
open_dir(struct http_exchange *x, const struct file_policy *policy,
	 struct err *err)
{
	AUTO_FREE char *path = query_path(x, "path", err);
	int fd;

	if (path == NULL)
		return -1;
	fd = confine_open(policy, path, O_RDONLY | O_DIRECTORY, err);
	if (fd >= 0)
		return fd;
	if (err->sys == ENOTDIR)
		return err_set(err, ERR_INVALID, "%.200s: is not a directory",
			       path);
	if (err->code == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, "%.200s: no such directory",
			       path);
	return err_wrap(err, "%.200s", path);
}

/* List the directory `fd', which is taken.  NULL: answered. */
static struct list_op *
start_list(struct http_exchange *x, const struct file_policy *policy, int fd,
	   struct err *err)
{
	struct walk *walk = fd < 0 ? NULL : walk_new(fd, err);
	struct list_op *op;

	if (walk == NULL) {
		reply_error(x, err);
		return NULL;
	}
	op = xcalloc(1, sizeof(*op));
	op->walk = walk;
	op->sum_fd = op->root_fd = -1;
	op->is_recursive = true;
	buf_init(&op->names, MAX_NAMES);
	slices_init(&op->slices, x, policy->loop, 2 * SLICE_BYTES,
		    &list_events);
	return op;
}

void
list_api_list(struct http_exchange *x, const struct file_policy *policy)
{
	struct err err = ERR_INIT;
	struct list_op *op = start_list(x, policy, open_dir(x, policy, &err),
					&err);

	if (op == NULL)
		return;
	op->is_recursive = query_flag(x, "recursive");
	op->sums = query_flag(x, "sums");
	op->sweeps = query_flag(x, "sweep");
	slices_start(&op->slices, REPLY_NDJSON);
}

void
list_api_fetch(struct http_exchange *x, const struct file_policy *policy)
{
	struct err err = ERR_INIT;
	AUTO_CLOSE int fd = -1;
	struct list_op *op;
	uint64_t below;
	int list_fd;

	if (query_number(x, "below", UINT64_MAX, &below, &err) == 0)
		fd = open_dir(x, policy, &err);
	list_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && list_fd < 0)
		err_sys(&err, "failed to list");
	op = start_list(x, policy, list_fd, &err);
	if (op == NULL)
		return;
	op->is_fetch = op->packs = true;
	op->below = below;
	op->root_fd = TAKE_FD(fd);
	slices_start(&op->slices, FETCH_TYPE);
}
