/* SPDX-License-Identifier: ISC */

/* What may be touched; see policy.h. */

#include "core/path.h"
#include "core/strv.h"
#include "berthd/file/policy.h"

/*
 * Against archives that unpack to more than a machine holds.  A terabyte and a
 * million files are beyond what a person syncs; deflate of zeros reaches 1030
 * to 1, real trees stay below 20.
 */
#define MAX_TREE_BYTES (1ull << 40)
#define MAX_TREE_ENTRIES 1000000
#define MAX_RATIO 200

int
file_policy_init(struct file_policy *policy, struct uv_loop_s *loop,
		 char *const *allowed, const char *data_dir,
		 uint64_t max_file_size, struct err *err)
{
	char *home = path_home(err);

	if (home == NULL)
		return -1;
	*policy = (struct file_policy){
		.loop = loop,
		.roots = strv_copy(allowed),
		.max_file_size = max_file_size,
		.max_tree_bytes = MAX_TREE_BYTES,
		.max_tree_entries = MAX_TREE_ENTRIES,
		.max_ratio = MAX_RATIO,
	};
	strv_give(&policy->roots, home);
	strv_add(&policy->roots, data_dir);
	strv_add(&policy->roots, "/tmp");
	return 0;
}

void
file_policy_init_own(struct file_policy *own, const struct file_policy *files,
		     bool is_confined)
{
	*own = *files;
	own->max_file_size = 0;
	own->roots = is_confined ? strv_copy(files->roots) : NULL;
	if (!is_confined)
		strv_add(&own->roots, "/");
}

void
file_policy_fini(struct file_policy *policy)
{
	strv_free(policy->roots);
	policy->roots = NULL;
}
