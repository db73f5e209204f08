/* SPDX-License-Identifier: ISC */

/*
 * A sync from its beginning to its end; see sync.h.  Both trees are looked at,
 * a plan is made of what differs, and sync_push.c or sync_pull.c carries it
 * out.  What is pulled to where nothing is comes with the list (sync_fetch.c).
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
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
sync_is_bulk(const struct sync *sync, const struct plan_step *step)
{
	return step->kind == PLAN_DIR || step->kind == PLAN_LINK ||
	       (step->kind == PLAN_FILE && step->entry->size < sync->large);
}

bool
sync_is_single(const struct sync *sync, const struct plan_step *step)
{
	return step->kind == PLAN_FILE &&
	       (!sync->files->ops->has_bulk || !sync_is_bulk(sync, step));
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
look_here(struct sync *sync, const struct exclude *exclude, struct err *err)
{
	const struct sync_config *c = sync->config;
	unsigned flags = c->checksum ? TREE_SUMS : 0;

	if (!c->is_push && !c->dry_run)
		flags |= TREE_SWEEP;
	sync->fd = local_open(c->local, !c->is_push && !c->dry_run, err);
	if (sync->fd >= 0)
		return tree_read(&sync->local, sync->fd, exclude, flags, err);
	return c->is_push || !c->dry_run || err->code != ERR_NOT_FOUND ? -1 : 0;
}

static int
look_there(struct sync *sync, const struct exclude *exclude, struct err *err)
{
	const struct sync_config *c = sync->config;
	unsigned flags = c->checksum ? TREE_SUMS : 0;

	if (c->is_push && !c->dry_run)
		flags |= TREE_SWEEP;
	if (tree_list(&sync->remote, c->files, c->remote, exclude, flags,
		      err) == 0)
		return 0;
	/* A push makes it. */
	return c->is_push && err->code == ERR_NOT_FOUND ? 0 : -1;
}

/* Is all of the machine's directory wanted? */
static bool
wants_all(const struct sync *sync)
{
	const struct sync_config *c = sync->config;

	return !c->is_push && !c->dry_run && sync->files->ops->has_bulk &&
	       strv_len(c->excludes) == 0 && sync->local.n == 0 &&
	       sync->local.n_skipped == 0;
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

void
sync_plan(struct sync *sync)
{
	const struct sync_config *c = sync->config;
	AUTO_FREE char *root = target_root(sync);
	const struct tree *source = c->is_push ? &sync->local : &sync->remote;
	const struct tree *target = c->is_push ? &sync->remote : &sync->local;

	plan_make(&sync->plan, &(struct plan_config){
				   .source = source,
				   .target = target,
				   .root = root,
				   .large = sync->large,
				   .deletes = c->deletes,
				   .checksum = c->checksum,
			       });
	count_plan(sync);
	sync->counts.skipped += source->n_skipped;
}

static int
look(struct sync *sync, const struct exclude *exclude, struct err *err)
{
	if (look_here(sync, exclude, err) < 0)
		return -1;
	if (wants_all(sync) && sync_fetch(sync, err) < 0)
		return -1;
	if (sync->is_fetched)
		return 0;
	if (look_there(sync, exclude, err) < 0)
		return -1;
	sync_plan(sync);
	return 0;
}

static int
run(struct sync *sync, struct err *err)
{
	const struct sync_config *c = sync->config;
	struct exclude *exclude = exclude_new(c->excludes, err);
	int rc;

	if (exclude == NULL)
		return -1;
	rc = look(sync, exclude, err);
	exclude_free(exclude);
	if (rc < 0)
		return -1;
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
	bool is_alone = config->was_lost || !config->files->ops->has_bulk;
	struct sync sync = { .config = config,
			     .files = config->files,
			     .large = is_alone ? SYNC_LARGE_ALONE : SYNC_LARGE,
			     .fd = -1,
			     .local = TREE_INIT,
			     .remote = TREE_INIT };
	int rc = run(&sync, err);

	plan_fini(&sync.plan);
	tree_fini(&sync.local);
	tree_fini(&sync.remote);
	if (sync.fd >= 0)
		close(sync.fd);
	*ret = sync.counts;
	return rc;
}
