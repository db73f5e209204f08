/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_SYNC_H
#define BERTH_CLIENT_FILE_SYNC_H

/*
 * A directory made equal to another, one of them on a machine.
 *
 * What differs in type, size, time of change or a link's target is sent; modes
 * are brought in line.  With `checksum' content is compared instead of time.
 * Every file appears under its name when it is whole.  A large file that was
 * cut off is gone on with by the next run.  What leads out of the directory is
 * never followed, and a link that does is not made.
 *
 * docs/files.md has the rules as users rely on them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct files;

enum sync_act {
	SYNC_SEND,   /* a file, a link, or a directory that is new */
	SYNC_CHANGE, /* mode or time only */
	SYNC_DELETE,
	SYNC_SKIP, /* `why' says why */
};

struct sync_event {
	enum sync_act act;
	const char *path; /* below both directories */
	const char *type; /* "file", "dir", "link", "other" */
	uint64_t size;
	const char *why; /* of a SYNC_SKIP */
};

/* So far, and in all. */
struct sync_counts {
	uint64_t files, files_total;
	uint64_t bytes, bytes_total;
	uint64_t changed, deleted, skipped, same;
	uint64_t resumed; /* bytes that were there from an earlier run */
};

struct sync_config {
	struct files *files;
	bool is_push;
	const char *local;  /* a directory of this host; pull makes it */
	const char *remote; /* one of the machine; push makes it */
	bool deletes, checksum, dry_run;
	bool was_lost;	       /* in the run before: less counts as large */
	char *const *excludes; /* patterns of exclude.h */

	/* Both may be NULL. */
	void (*on_event)(const struct sync_event *, void *owner);
	void (*on_progress)(const struct sync_counts *, void *owner);
	void *owner;
};

/*
 * ERR_NOT_FOUND: there is no source.  What a single file refuses is skipped and
 * counted; only what concerns all of them fails.
 */
int sync_run(const struct sync_config *config, struct sync_counts *ret,
	     struct err *err);

#endif
