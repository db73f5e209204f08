/* SPDX-License-Identifier: ISC */

/*
 * A directory sent to a machine; see sync.h.
 *
 * First what has to go, files before directories; then large files, one call
 * each; then all else, as one archive where the machine takes such, and by
 * calls where not.  Directories get their modes and times last of all: a
 * directory that must not be written cannot be filled.
 */

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "core/buf.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/picked.h"
#include "client/file/local.h"
#include "client/file/put.h"
#include "client/file/sync_own.h"

#define MAX_NAMES (1u << 30)

/* Calls at a time: over connections of their own, or over one channel. */
#define SOME 8
#define MANY 64

/* Files at a time; each has up to half a megabyte under way. */
#define FILES_APART 3
#define FILES_TOGETHER 32

/* One step under way. */
struct transfer {
	struct batch *batch;
	const struct plan_step *step;
	enum sync_act act;
	struct put put;
	uint64_t counted; /* bytes of it that are in the counts */
};

static void
transfer_free(struct transfer *t)
{
	if (t->put.fd >= 0)
		close(t->put.fd);
	free(t);
}

static void
count(struct transfer *t, uint64_t now)
{
	struct sync *sync = t->batch->sync;

	sync->counts.bytes += now - t->counted;
	t->counted = now;
	sync_progress(sync);
}

static void
on_ready(struct file_call *call, uint64_t offset, void *owner)
{
	struct transfer *t = owner;

	t->batch->sync->counts.resumed += offset;
	put_begin(&t->put, call, offset);
	count(t, t->put.at);
}

static void
on_drain(struct file_call *call, void *owner)
{
	struct transfer *t = owner;

	put_feed(&t->put, call);
	count(t, t->put.at);
}

static void
on_end(struct file_call *call UNUSED, const struct err *err, void *owner)
{
	struct transfer *t = owner;
	struct batch *batch = t->batch;
	struct err changed = ERR_INIT;
	bool is_told;

	if (t->put.error || (err && put_error(&t->put))) {
		err_set(&changed, ERR_CONFLICT, "it changed while it was read");
		err = &changed;
	}
	/* A new directory was told of when it was made, or could not be. */
	is_told = t->act == SYNC_CHANGE && t->step->is_new;
	if (err && !(is_told && err->code == ERR_NOT_FOUND))
		sync_fail(batch->sync, t->step->entry, err);
	else if (!is_told)
		sync_tell(batch->sync, t->act, t->step->entry, NULL);
	transfer_free(t);
	batch_done(batch);
}

static int
begin(struct batch *batch, const struct plan_step *step, enum sync_act act,
      struct file_request *request, int fd, struct err *err)
{
	static const struct file_events events = { .on_ready = on_ready,
						   .on_drain = on_drain,
						   .on_end = on_end };
	AUTO_FREE char *path = sync_remote(batch->sync, step->entry);
	struct transfer *t = xcalloc(1, sizeof(*t));

	t->batch = batch;
	t->step = step;
	t->act = act;
	t->put.fd = fd;
	t->put.size = step->entry->size;
	request->path = path;
	if (file_start(batch->sync->files, request, &events, t, err))
		return 0;
	transfer_free(t);
	return -1;
}

/* Deleting */

static bool
wants_delete_file(const struct sync *sync UNUSED, const struct plan_step *step)
{
	return step->kind == PLAN_DELETE && step->entry->type != FILE_DIR;
}

static bool
wants_delete_dir(const struct sync *sync UNUSED, const struct plan_step *step)
{
	return step->kind == PLAN_DELETE && step->entry->type == FILE_DIR;
}

static int
start_delete(struct batch *batch, const struct plan_step *step, struct err *err)
{
	struct file_request request = FILE_REQUEST(FILE_REMOVE, NULL);

	return begin(batch, step, SYNC_DELETE, &request, -1, err);
}

/* Files by themselves */

static int
start_file(struct batch *batch, const struct plan_step *step, struct err *err)
{
	const struct tree_entry *e = step->entry;
	struct file_request request = FILE_REQUEST(FILE_WRITE, NULL,
						   .flags = FILE_PARENTS);
	int fd = local_read(batch->sync->fd, e->path, err);
	char key[17];

	if (fd < 0)
		return -1;
	request.mode = e->mode;
	request.mtime_ns = e->mtime_ns;
	request.size = e->size;
	if (e->size >= batch->sync->large) {
		plan_key(key, e);
		request.key = key;
	}
	return begin(batch, step, SYNC_SEND, &request, fd, err);
}

/* The rest by calls */

static bool
wants_mkdir(const struct sync *sync UNUSED, const struct plan_step *step)
{
	return step->kind == PLAN_DIR && step->is_new;
}

static int
start_mkdir(struct batch *batch, const struct plan_step *step, struct err *err)
{
	struct file_request request = FILE_REQUEST(FILE_MKDIR, NULL,
						   .flags = FILE_PARENTS);

	return begin(batch, step, SYNC_SEND, &request, -1, err);
}

static bool
wants_link(const struct sync *sync UNUSED, const struct plan_step *step)
{
	return step->kind == PLAN_LINK;
}

static int
start_link(struct batch *batch, const struct plan_step *step, struct err *err)
{
	struct file_request request = FILE_REQUEST(
	    FILE_LINK, NULL, .target = step->entry->target);

	return begin(batch, step, SYNC_SEND, &request, -1, err);
}

static bool
wants_set(const struct sync *sync UNUSED, const struct plan_step *step)
{
	return step->kind == PLAN_SET;
}

static bool
wants_set_dir(const struct sync *sync UNUSED, const struct plan_step *step)
{
	return step->kind == PLAN_DIR;
}

static int
start_set(struct batch *batch, const struct plan_step *step, struct err *err)
{
	struct file_request request = FILE_REQUEST(FILE_SET, NULL);

	request.mode = step->entry->mode;
	request.mtime_ns = step->entry->mtime_ns;
	return begin(batch, step, SYNC_CHANGE, &request, -1, err);
}

/*
 * The rest as one archive
 */

struct bulk {
	struct sync *sync;
	struct buf names, out;
	struct picked *picked;
	const struct plan_step *next; /* the one whose turn it is to be sent */
	uint64_t n_begun;	      /* files of which the counts are ahead */
	bool *skipped;		      /* each step: it was told so */
	bool is_over;
};

static void
bulk_skip(struct bulk *bulk, const struct plan_step *step, const char *why)
{
	bool *skipped = &bulk->skipped[step - bulk->sync->plan.steps];

	if (!*skipped)
		sync_tell(bulk->sync, SYNC_SKIP, step->entry, why);
	*skipped = true;
}

/* Count what is on its way; what became of it the answer says. */
static void
count_begun(struct bulk *bulk)
{
	struct sync *sync = bulk->sync;
	const struct plan_step *end = sync->plan.steps + sync->plan.n;
	const char *name = picked_name(bulk->picked);

	for (; bulk->next < end && name[0]; bulk->next++) {
		if (!sync_is_bulk(sync, bulk->next))
			continue;
		if (tree_order(bulk->next->entry->path, name) > 0)
			return;
		sync->counts.bytes += bulk->next->entry->size;
		sync->counts.files += bulk->next->kind != PLAN_DIR;
		bulk->n_begun += bulk->next->kind != PLAN_DIR;
		sync_progress(sync);
	}
}

/* One more piece: 1 there is more, 0 that was all. */
static int
bulk_read(struct bulk *bulk)
{
	uint64_t before = picked_n_skipped(bulk->picked);
	struct err err = ERR_INIT;
	int rc = picked_read(bulk->picked, &bulk->out, &err);
	const struct plan_step *step;

	count_begun(bulk);
	if (picked_n_skipped(bulk->picked) == before)
		return rc;
	step = sync_find(bulk->sync, picked_name(bulk->picked));
	if (step)
		bulk_skip(bulk, step, "it cannot be read, or is gone");
	return rc;
}

static void
bulk_feed(struct bulk *bulk, struct file_call *call)
{
	bool is_full = false;
	int rc = 1;

	while (!bulk->is_over && !is_full) {
		buf_clear(&bulk->out);
		while (rc > 0 && bulk->out.len < (256u << 10))
			rc = bulk_read(bulk);
		is_full = file_write(call, buf_bytes(&bulk->out),
				     bulk->out.len);
		if (rc <= 0) {
			bulk->is_over = true;
			file_write_end(call);
		}
	}
}

static void
bulk_on_ready(struct file_call *call, uint64_t offset UNUSED, void *owner)
{
	bulk_feed(owner, call);
}

static void
bulk_on_drain(struct file_call *call, void *owner)
{
	bulk_feed(owner, call);
}

static void
bulk_on_refused(struct file_call *call UNUSED, const char *name,
		const char *why, void *owner)
{
	struct bulk *bulk = owner;
	const struct plan_step *step = name ? sync_find(bulk->sync, name)
					    : NULL;

	if (step)
		bulk_skip(bulk, step, why);
	else
		bulk->sync->counts.skipped++;
}

/* The archive is unpacked: tell of all that was in it. */
static void
tell_sent(struct bulk *bulk)
{
	struct sync *sync = bulk->sync;

	for (size_t i = 0; i < sync->plan.n; i++) {
		const struct plan_step *step = &sync->plan.steps[i];

		if (sync_is_bulk(sync, step) && !bulk->skipped[i])
			sync_tell(sync,
				  step->kind == PLAN_DIR && !step->is_new
				      ? SYNC_CHANGE
				      : SYNC_SEND,
				  step->entry, NULL);
	}
}

static void
send_archive(struct bulk *bulk)
{
	static const struct file_events events = {
		.on_ready = bulk_on_ready,
		.on_drain = bulk_on_drain,
		.on_refused = bulk_on_refused,
	};
	struct sync *sync = bulk->sync;
	const struct file_request request = FILE_REQUEST(FILE_UNPACK,
							 sync->config->remote);
	struct err err = ERR_INIT;
	int rc;

	bulk->picked = picked_new(dup(sync->fd), buf_text(&bulk->names),
				  bulk->names.len, PICKED_BRIEF);
	rc = file_do(sync->files, &request, &events, bulk, &err);
	sync->counts.files -= bulk->n_begun;
	if (rc < 0)
		sync_give_up(sync, &err);
	else
		tell_sent(bulk);
	picked_free(bulk->picked);
}

static void
push_bulk(struct sync *sync)
{
	AUTO_FREE bool *skipped = xcalloc(sync->plan.n, sizeof(*skipped));
	struct bulk bulk = { .sync = sync,
			     .names = BUF_INIT(MAX_NAMES),
			     .out = BUF_INIT(2u << 20),
			     .next = sync->plan.steps,
			     .skipped = skipped };

	for (size_t i = 0; i < sync->plan.n; i++) {
		const struct plan_step *step = &sync->plan.steps[i];

		if (sync_is_bulk(sync, step))
			(void)buf_add(&bulk.names, step->entry->path,
				      strlen(step->entry->path) + 1);
	}
	send_archive(&bulk);
	buf_fini(&bulk.names);
	buf_fini(&bulk.out);
}

static bool
has_bulk_steps(const struct sync *sync)
{
	for (size_t i = 0; i < sync->plan.n; i++) {
		if (sync_is_bulk(sync, &sync->plan.steps[i]))
			return true;
	}
	return false;
}

void
sync_push(struct sync *sync)
{
	bool has_bulk = sync->files->ops->has_bulk;
	struct batch files_gone = { sync, wants_delete_file, start_delete,
				    has_bulk ? SOME : MANY };
	struct batch dirs_gone = { sync, wants_delete_dir, start_delete, 1 };
	struct batch dirs = { sync, wants_mkdir, start_mkdir, MANY };
	struct batch files = { sync, sync_is_single, start_file,
			       has_bulk ? FILES_APART : FILES_TOGETHER };
	struct batch links = { sync, wants_link, start_link, MANY };
	struct batch sets = { sync, wants_set, start_set,
			      has_bulk ? SOME : MANY };
	struct batch dir_sets = { sync, wants_set_dir, start_set, MANY,
				  .is_reverse = true };

	batch_run(&files_gone);
	batch_run(&dirs_gone);
	if (!has_bulk)
		batch_run(&dirs);
	batch_run(&files);
	batch_run(&sets);
	if (!has_bulk) {
		batch_run(&links);
		batch_run(&dir_sets);
	} else if (!sync->failed && has_bulk_steps(sync)) {
		push_bulk(sync);
	}
}
