/* SPDX-License-Identifier: ISC */

/*
 * A directory fetched from a machine; see sync.h.
 *
 * Names are those of the plan, and an archive is let in by sync_arrival.c.
 * Where nothing was there, sync_fetch.c has brought most of it before: what is
 * left then are large files, links, and what directories get at last.
 */

#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "client/file/local.h"
#include "client/file/sync_arrival.h"
#include "client/file/sync_own.h"

/* What a daemon takes of names in one request is twice that. */
#define MAX_NAMES (8u << 20)

#define FILES_APART 3
#define FILES_TOGETHER 32

/* One file under way. */
struct fetch {
	struct batch *batch;
	const struct plan_step *step;
	int dir_fd;
	struct newfile file;
	bool failed;
	struct err err;
};

static void
fetch_free(struct fetch *f)
{
	newfile_fini(&f->file);
	if (f->dir_fd >= 0)
		close(f->dir_fd);
	free(f);
}

static void
fail_fetch(struct fetch *f, const struct err *err)
{
	if (!f->failed)
		f->err = *err;
	f->failed = true;
}

static void
on_entry(struct file_call *call UNUSED, const struct file_info *info,
	 void *owner)
{
	struct fetch *f = owner;
	const struct tree_entry *e = f->step->entry;
	struct err err = ERR_INIT;

	if (info->size == e->size && clock_timespec(info->mtime_ns).tv_sec ==
					 clock_timespec(e->mtime_ns).tv_sec)
		return;
	err_set(&err, ERR_CONFLICT, "it changed while it was read");
	fail_fetch(f, &err);
	f->file.keeps = false;
}

static int
commit(struct fetch *f, struct err *err)
{
	const struct tree_entry *e = f->step->entry;

	if (f->failed) {
		*err = f->err;
		return -1;
	}
	if (f->file.size != e->size) {
		f->file.keeps = false;
		return err_set(err, ERR_CONFLICT,
			       "it changed while it was read");
	}
	if (newfile_set_mtime(&f->file, e->mtime_ns) < 0)
		return err_sys(err, "failed to set time");
	return newfile_commit(&f->file, f->dir_fd, path_base(e->path),
			      e->mode < 0 ? 0644 : (mode_t)e->mode, 0, err);
}

static void
finish(struct fetch *f, const struct err *err)
{
	struct batch *batch = f->batch;
	struct err mine = ERR_INIT;

	if (err == NULL && commit(f, &mine) < 0)
		err = &mine;
	if (err)
		sync_fail(batch->sync, f->step->entry, err);
	else
		sync_tell(batch->sync, SYNC_SEND, f->step->entry, NULL);
	fetch_free(f);
	batch_done(batch);
}

static void
on_asked(struct file_call *call UNUSED, const struct err *err, void *owner)
{
	struct fetch *f = owner;
	struct err why = f->err;

	if (f->failed || (err && err->code == ERR_NOT_FOUND)) {
		f->file.keeps = false;
		err_set(&why, ERR_CONFLICT, "it changed while it was read");
	}
	finish(f, &why);
}

/*
 * A daemon that cannot send as many bytes as it said breaks the connection:
 * was it the file, or was it the connection?
 */
static bool
ask_what_broke(struct fetch *f, const struct err *err)
{
	static const struct file_events events = { .on_entry = on_entry,
						   .on_end = on_asked };
	AUTO_FREE char *path = sync_remote(f->batch->sync, f->step->entry);
	const struct file_request request = FILE_REQUEST(FILE_STAT, path);

	if (f->failed || f->batch->sync->failed)
		return false;
	f->err = *err;
	return file_start(f->batch->sync->files, &request, &events, f,
			  &(struct err)ERR_INIT) != NULL;
}

static void
on_end(struct file_call *call UNUSED, const struct err *err, void *owner)
{
	struct fetch *f = owner;

	if (err && err->code == ERR_UNREACHABLE && ask_what_broke(f, err))
		return;
	finish(f, err);
}

/* What is of no use any more is not waited for. */
static void
on_data(struct file_call *call, const void *bytes, size_t n, void *owner)
{
	struct fetch *f = owner;
	struct sync *sync = f->batch->sync;

	if (!f->failed && !sync->failed &&
	    newfile_write(&f->file, bytes, n, &f->err) == 0) {
		sync->counts.bytes += n;
		sync_progress(sync);
		return;
	}
	if (!f->failed && sync->failed)
		f->err = sync->err;
	f->failed = true;
	on_end(call, NULL, f);
	file_cancel(call);
}

static int
open_file(struct fetch *f, struct err *err)
{
	const struct tree_entry *e = f->step->entry;
	char key[17];

	f->dir_fd = local_parent(f->batch->sync->fd, e->path);
	if (f->dir_fd < 0)
		return err_sys(err, "failed to make its directory");
	if (e->size < f->batch->sync->large)
		return newfile_open(&f->file, f->dir_fd, 0, err);
	plan_key(key, e);
	return newfile_resume(&f->file, f->dir_fd, key,
			      MIN(newfile_offset(f->dir_fd, key), e->size),
			      err);
}

static int
start_file(struct batch *batch, const struct plan_step *step, struct err *err)
{
	static const struct file_events events = { .on_entry = on_entry,
						   .on_data = on_data,
						   .on_end = on_end };
	AUTO_FREE char *path = sync_remote(batch->sync, step->entry);
	struct file_request request = FILE_REQUEST(FILE_READ, path);
	struct fetch *f = xcalloc(1, sizeof(*f));

	f->batch = batch;
	f->step = step;
	f->dir_fd = -1;
	f->file = (struct newfile)NEWFILE_INIT;
	if (open_file(f, err) == 0) {
		request.offset = f->file.size;
		batch->sync->counts.bytes += f->file.size;
		batch->sync->counts.resumed += f->file.size;
		if (file_start(batch->sync->files, &request, &events, f, err))
			return 0;
	}
	fetch_free(f);
	return -1;
}

/*
 * As one archive
 */

static void
on_archive(struct file_call *call UNUSED, const void *bytes, size_t n,
	   void *owner)
{
	arrival_take(owner, bytes, n);
}

/* Ask for what is in `names' and unpack it. */
static void
pull_archive(struct sync *sync, const struct buf *names,
	     struct arrival *arrival)
{
	static const struct file_events events = { .on_data = on_archive };
	const struct file_request request = FILE_REQUEST(
	    FILE_PACK, sync->config->remote, .names = buf_text(names),
	    .names_len = names->len);
	struct err err = ERR_INIT;

	if (file_do(sync->files, &request, &events, arrival, &err) < 0)
		sync_give_up(sync, &err);
	else
		arrival_end(arrival);
}

/* As many of the steps as fit into a request; how many it was. */
static size_t
pull_some(struct sync *sync, const struct plan_step *step, size_t n)
{
	struct arrival *arrival = arrival_new(sync);
	AUTO_BUF names = BUF_INIT(MAX_NAMES);
	size_t i;

	for (i = 0; i < n; i++) {
		if (!sync_is_bulk(sync, &step[i]))
			continue;
		if (buf_add(&names, step[i].entry->path,
			    strlen(step[i].entry->path) + 1) < 0)
			break;
		arrival_expect(arrival, &step[i]);
	}
	if (names.len > 0)
		pull_archive(sync, &names, arrival);
	arrival_free(arrival);
	return i;
}

static void
pull_bulk(struct sync *sync)
{
	const struct plan *plan = &sync->plan;

	for (size_t i = 0; i < plan->n && !sync->failed;)
		i += pull_some(sync, &plan->steps[i], plan->n - i);
}

/*
 * What is done on this host
 */

typedef int local_fn(int root_fd, const struct tree_entry *e, struct err *err);

static void
do_local(struct sync *sync, const struct plan_step *step, enum sync_act act,
	 local_fn *fn)
{
	struct err err = ERR_INIT;

	if (fn(sync->fd, step->entry, &err) < 0)
		sync_fail(sync, step->entry, &err);
	else
		sync_tell(sync, act, step->entry, NULL);
}

void
sync_make_dirs(struct sync *sync)
{
	for (size_t i = 0; i < sync->plan.n; i++) {
		const struct plan_step *step = &sync->plan.steps[i];

		if (step->kind == PLAN_DIR && step->is_new)
			do_local(sync, step, SYNC_SEND, local_mkdir);
	}
}

static void
make_room(struct sync *sync)
{
	for (size_t i = 0; i < sync->plan.n; i++) {
		const struct plan_step *step = &sync->plan.steps[i];

		if (step->kind == PLAN_DELETE)
			do_local(sync, step, SYNC_DELETE, local_delete);
	}
}

static void
after_files(struct sync *sync, bool are_packed)
{
	for (size_t i = sync->plan.n; i-- > 0 && !sync->failed;) {
		const struct plan_step *step = &sync->plan.steps[i];

		if (step->kind == PLAN_SET)
			do_local(sync, step, SYNC_CHANGE, local_set);
		else if (step->kind == PLAN_LINK && !are_packed)
			do_local(sync, step, SYNC_SEND, local_link);
	}
	for (size_t i = sync->plan.n; i-- > 0 && !sync->failed;) {
		const struct plan_step *step = &sync->plan.steps[i];
		struct err err = ERR_INIT;

		if (step->kind != PLAN_DIR || are_packed)
			continue;
		if (local_set(sync->fd, step->entry, &err) < 0)
			sync_fail(sync, step->entry, &err);
		else if (!step->is_new)
			sync_tell(sync, SYNC_CHANGE, step->entry, NULL);
	}
}

void
sync_pull(struct sync *sync)
{
	bool has_bulk = sync->files->ops->has_bulk;
	/* Links and directories go with an archive that was asked for. */
	bool are_packed = has_bulk && !sync->is_fetched;
	struct batch files = { sync, sync_is_single, start_file,
			       has_bulk ? FILES_APART : FILES_TOGETHER };

	make_room(sync);
	if (!has_bulk)
		sync_make_dirs(sync);
	batch_run(&files);
	if (are_packed && !sync->failed)
		pull_bulk(sync);
	after_files(sync, are_packed);
}
