/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_SYNC_OWN_H
#define BERTH_CLIENT_FILE_SYNC_OWN_H

/*
 * What the parts of a sync share; nobody else includes it.
 */

#include "client/file/file.h"
#include "client/file/sync.h"
#include "client/file/sync_plan.h"

/*
 * Below this a file goes with the others, from it on alone, and is resumed.
 * Where the link was lost, and where each file goes alone anyhow, less is worth
 * the round trips of that.
 */
#define SYNC_LARGE (8u << 20)
#define SYNC_LARGE_ALONE (256u << 10)

struct sync {
	const struct sync_config *config;
	struct files *files;
	uint64_t large; /* one of them */
	int fd;		/* the directory of this host */
	struct tree local, remote;
	struct plan plan;
	bool is_fetched; /* the plan is made; its small files are there */
	struct sync_counts counts;
	bool failed; /* for good: */
	struct err err;
};

/* The path of a step on the machine; the caller frees. */
char *sync_remote(const struct sync *sync, const struct tree_entry *e);

/* Something was done, or was not; `why' may be NULL. */
void sync_tell(struct sync *sync, enum sync_act act, const struct tree_entry *e,
	       const char *why);
void sync_progress(struct sync *sync);

/* One file failed: skip it, or give up if that concerns all of them. */
void sync_fail(struct sync *sync, const struct tree_entry *e,
	       const struct err *err);
void sync_give_up(struct sync *sync, const struct err *err);

/*
 * Steps that are done by calls, some of them at a time: for each that `wants'
 * picks, `start' begins one; it ends with batch_done.  -1: it could not be
 * begun (then batch_done is not called).
 */
struct batch {
	struct sync *sync;
	bool (*wants)(const struct sync *, const struct plan_step *);
	int (*start)(struct batch *, const struct plan_step *, struct err *);
	size_t max_active;
	bool is_reverse;
	size_t next, active;
};

/* Do them all, turning the loop. */
void batch_run(struct batch *batch);
void batch_done(struct batch *batch);

/* The step of a path of the source, or NULL. */
const struct plan_step *sync_find(const struct sync *sync, const char *path);

/* Does a step go with the archive? */
bool sync_is_bulk(const struct sync *sync, const struct plan_step *step);

/* Is it a file that is read or written by itself? */
bool sync_is_single(const struct sync *sync, const struct plan_step *step);

/* Both trees are there, in order: make the plan. */
void sync_plan(struct sync *sync);

/* The directories of the plan, to be filled. */
void sync_make_dirs(struct sync *sync);

/*
 * Nothing is there: have the files brought with the list, and is_fetched set;
 * or not, then the tree has to be listed.  -1: the machine cannot be asked.
 */
int sync_fetch(struct sync *sync, struct err *err);

void sync_push(struct sync *sync);
void sync_pull(struct sync *sync);

#endif
