/* SPDX-License-Identifier: ISC */

/*
 * A sync from its beginning to its end; see sync.h.  Both trees are looked at,
 * a plan is made of what differs, and sync_push.c or sync_pull.c carries it
 * out.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "client/file/exclude.h"
#include "client/file/file_json.h"
#include "client/file/local.h"
#include "client/file/sync_own.h"

char *
sync_remote(const struct sync *sync, const struct tree_entry *e)
{
	return path_join(sync->config->remote, e->path);
}

void
sync_tell(struct sync *sync, enum sync_act act, const struct tree_entry *e,
	  const char *why)
{
	const struct sync_event event = { .act = act,
					  .path = e->path,
					  .type = file_type_word(e->type),
					  .size = e->size,
					  .why = why };

	sync->counts.skipped += act == SYNC_SKIP;
	sync->counts.deleted += act == SYNC_DELETE;
	sync->counts.changed += act == SYNC_CHANGE;
	sync->counts.files += act == SYNC_SEND && e->type != FILE_DIR;
	if (sync->config->on_event)
		sync->config->on_event(&event, sync->config->owner);
	sync_progress(sync);
}

void
sync_progress(struct sync *sync)
{
	if (sync->config->on_progress)
		sync->config->on_progress(&sync->counts, sync->config->owner);
}

void
sync_give_up(struct sync *sync, const struct err *err)
{
	if (!sync->failed)
		sync->err = *err;
	sync->failed = true;
}

/* Here, or in the words of another machine. */
static bool
is_full(const struct err *err)
{
	return err->sys == ENOSPC || err->sys == EDQUOT ||
	       strstr(err->msg, "No space left on device") ||
	       strstr(err->msg, "uota exceeded");
}

void
sync_fail(struct sync *sync, const struct tree_entry *e, const struct err *err)
{
	struct err full = *err;

	/* A leftover that somebody else has taken care of, or is to. */
	if (e->type == FILE_REGULAR &&
	    newfile_is_temporary(path_base(e->path), NULL))
		return;
	if (is_full(err)) {
		if (strstr(err->msg, e->path) == NULL)
			err_wrap(&full, "%.200s", e->path);
		sync_give_up(sync, &full);
		return;
	}
	switch (err->code) {
	case ERR_UNREACHABLE:
	case ERR_PROTO:
	case ERR_TIMEOUT:
	case ERR_UNAUTHORIZED:
		sync_give_up(sync, err);
		return;
	default:
		sync_tell(sync, SYNC_SKIP, e, err->msg);
	}
}

/* Deletions stand first, in another order. */
const struct plan_step *
sync_find(const struct sync *sync, const char *path)
{
	const struct plan_step *low = sync->plan.steps;
	const struct plan_step *high = low + sync->plan.n;

	while (low < high) {
		const struct plan_step *middle = low + (high - low) / 2;
		int order = middle->kind == PLAN_DELETE
				? -1
				: tree_order(middle->entry->path, path);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool
sync_is_bulk(const struct sync *sync UNUSED, const struct plan_step *step)
{
	return step->kind == PLAN_DIR || step->kind == PLAN_LINK ||
	       (step->kind == PLAN_FILE && step->entry->size < SYNC_LARGE);
}

static void
pump(struct batch *batch)
{
	const struct plan *plan = &batch->sync->plan;

	while (!batch->sync->failed && batch->active < batch->max_active &&
	       batch->next < plan->n) {
		size_t i = batch->next++;
		const struct plan_step *step =
		    &plan->steps[batch->is_reverse ? plan->n - 1 - i : i];
		struct err err = ERR_INIT;

		if (!batch->wants(batch->sync, step))
			continue;
		batch->active++;
		if (batch->start(batch, step, &err) == 0)
			continue;
		batch->active--;
		sync_fail(batch->sync, step->entry, &err);
	}
}

void
batch_done(struct batch *batch)
{
	batch->active--;
	pump(batch);
}

void
batch_run(struct batch *batch)
{
	pump(batch);
	while (batch->active > 0)
		uv_run(batch->sync->files->loop, UV_RUN_ONCE);
}

static int
look_at_both(struct sync *sync, struct tree *local, struct tree *remote,
	     const struct exclude *exclude, struct err *err)
{
	const struct sync_config *c = sync->config;
	unsigned sums = c->checksum ? TREE_SUMS : 0;
	unsigned sweep = c->dry_run ? 0 : TREE_SWEEP;

	sync->fd = local_open(c->local, !c->is_push && !c->dry_run, err);
	if (sync->fd < 0 &&
	    (c->is_push || !c->dry_run || err->code != ERR_NOT_FOUND))
		return -1;
	if (sync->fd >= 0 &&
	    tree_read(local, sync->fd, exclude, sums | (c->is_push ? 0 : sweep),
		      err) < 0)
		return -1;
	if (tree_list(remote, c->files, c->remote, exclude,
		      sums | (c->is_push ? sweep : 0), err) == 0)
		return 0;
	/* A push makes it. */
	return c->is_push && err->code == ERR_NOT_FOUND ? 0 : -1;
}

static void
count_plan(struct sync *sync)
{
	for (size_t i = 0; i < sync->plan.n; i++) {
		const struct plan_step *step = &sync->plan.steps[i];

		if (step->kind == PLAN_SKIP)
			sync_tell(sync, SYNC_SKIP, step->entry, step->why);
		if (step->kind != PLAN_FILE && step->kind != PLAN_LINK)
			continue;
		sync->counts.files_total++;
		sync->counts.bytes_total += step->entry->size;
	}
	sync->counts.same = sync->plan.n_same;
}

/* What would be done. */
static void
tell_plan(struct sync *sync)
{
	static const enum sync_act acts[] = {
		[PLAN_DELETE] = SYNC_DELETE, [PLAN_DIR] = SYNC_SEND,
		[PLAN_FILE] = SYNC_SEND,     [PLAN_LINK] = SYNC_SEND,
		[PLAN_SET] = SYNC_CHANGE,
	};

	for (size_t i = 0; i < sync->plan.n; i++) {
		const struct plan_step *step = &sync->plan.steps[i];
		bool is_old_dir = step->kind == PLAN_DIR && !step->is_new;

		if (step->kind != PLAN_SKIP)
			sync_tell(sync,
				  is_old_dir ? SYNC_CHANGE : acts[step->kind],
				  step->entry, NULL);
	}
}

/* The absolute path of the target, for links that name it; or NULL. */
static char *
target_root(const struct sync *sync)
{
	const struct sync_config *c = sync->config;

	if (!c->is_push)
		return realpath(c->local, NULL);
	return c->remote[0] == '/' ? path_clean(c->remote) : NULL;
}

static int
run(struct sync *sync, struct err *err)
{
	const struct sync_config *c = sync->config;
	struct exclude *exclude = exclude_new(c->excludes, err);
	AUTO_TREE local = TREE_INIT;
	AUTO_TREE remote = TREE_INIT;
	AUTO_FREE char *root = NULL;
	int rc;

	if (exclude == NULL)
		return -1;
	rc = look_at_both(sync, &local, &remote, exclude, err);
	exclude_free(exclude);
	if (rc < 0)
		return -1;
	root = target_root(sync);
	plan_make(&sync->plan, &(struct plan_config){
				   .source = c->is_push ? &local : &remote,
				   .target = c->is_push ? &remote : &local,
				   .root = root,
				   .deletes = c->deletes,
				   .checksum = c->checksum,
			       });
	count_plan(sync);
	sync->counts.skipped += c->is_push ? local.n_skipped : remote.n_skipped;
	if (c->dry_run)
		tell_plan(sync);
	else if (c->is_push)
		sync_push(sync);
	else
		sync_pull(sync);
	if (sync->failed)
		*err = sync->err;
	return sync->failed ? -1 : 0;
}

int
sync_run(const struct sync_config *config, struct sync_counts *ret,
	 struct err *err)
{
	struct sync sync = { .config = config,
			     .files = config->files,
			     .fd = -1 };
	int rc = run(&sync, err);

	plan_fini(&sync.plan);
	if (sync.fd >= 0)
		close(sync.fd);
	*ret = sync.counts;
	return rc;
}
