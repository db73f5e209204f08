/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_SYNC_PLAN_H
#define BERTH_CLIENT_FILE_SYNC_PLAN_H

/*
 * What has to be done to make one tree equal to another.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/file/tree.h"

enum plan_kind {
	PLAN_DELETE, /* in the target */
	PLAN_DIR,    /* make it, or give it mode and time */
	PLAN_FILE,
	PLAN_LINK,
	PLAN_SET,  /* mode and time of a file */
	PLAN_SKIP, /* `why' */
};

struct plan_step {
	enum plan_kind kind;
	const struct tree_entry *entry; /* of the source; DELETE: the target */
	bool is_new;			/* PLAN_DIR: it has to be made */
	const char *why;
};

struct plan {
	struct plan_step *steps;
	size_t n, max;
	uint64_t n_same;
};

#define PLAN_INIT                                                              \
	{                                                                      \
		.n = 0                                                         \
	}

struct plan_config {
	const struct tree *source, *target; /* both in order; borrowed */
	const char *root; /* of the target, absolute, or NULL; for links */
	uint64_t large;	  /* files of the source that may have been resumed */
	bool deletes, checksum;
};

/*
 * Deletions come first, what is deeper before what it is in; then all else in
 * the order of the trees.
 */
void plan_make(struct plan *plan, const struct plan_config *config);
void plan_fini(struct plan *plan);

/* 16 digits that stand for this state of this file; see newfile.h. */
void plan_key(char out[17], const struct tree_entry *entry);

#endif
