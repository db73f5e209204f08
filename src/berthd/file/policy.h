/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_FILE_POLICY_H
#define BERTHD_FILE_POLICY_H

/*
 * What the file routes may touch, and how much of it.
 *
 * Roots are absolute directories.  A path is allowed when it lies in one of
 * them both as text and after all links in it are resolved; see confine.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct uv_loop_s;

struct file_policy {
	struct uv_loop_s *loop; /* where long work is cut in slices */
	char **roots;		/* a strv */
	uint64_t max_file_size; /* of one file by /v1/file; 0: none */

	/* An unpacked archive, against bombs.  file_policy_init sets all. */
	uint64_t max_tree_bytes;
	uint64_t max_tree_entries;
	uint64_t max_ratio; /* unpacked to packed, once that is 64 MiB */
};

/*
 * The roots of the compatible routes: `allowed' (may be NULL), the home
 * directory, `data_dir', and /tmp.  Everything is copied.
 */
int file_policy_init(struct file_policy *policy, struct uv_loop_s *loop,
		     char *const *allowed, const char *data_dir,
		     uint64_t max_file_size, struct err *err);

/*
 * The same for berth's own routes: the roots of `files' if `is_confined', and
 * otherwise all that this user can reach, who can run commands anyway.  Files
 * may have any size.
 */
void file_policy_init_own(struct file_policy *own,
			  const struct file_policy *files, bool is_confined);
void file_policy_fini(struct file_policy *policy);

#endif
