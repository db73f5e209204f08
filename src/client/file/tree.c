/* SPDX-License-Identifier: ISC */

/* Directories and what they hold; see tree.h. */

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fs.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sha1.h"
#include "core/strv.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "archive/walk.h"
#include "client/file/exclude.h"
#include "client/file/tree.h"

/* A machine that says it has more is not believed. */
#define MAX_ENTRIES 4000000
#define MAX_CLOSED 10000

void
tree_fini(struct tree *tree)
{
	for (size_t i = 0; i < tree->n; i++) {
		free(tree->entries[i].path);
		free(tree->entries[i].target);
		free(tree->entries[i].sha1);
	}
	free(tree->entries);
	strv_free(tree->closed);
	*tree = (struct tree)TREE_INIT;
}

/* May a machine call a file so, below a directory of ours? */
static bool
is_name(const char *path)
{
	AUTO_FREE char *clean = path_clean(path);

	return path[0] != '\0' && path[0] != '/' && strlen(path) < PATH_MAX &&
	       str_eq(clean, path) && !str_eq(path, ".") &&
	       !str_eq(path, "..") && !str_starts(path, "../");
}

int
tree_add(struct tree *tree, const struct file_info *info, struct err *err)
{
	if (!is_name(info->name))
		return err_set(err, ERR_PROTO,
			       "the machine has a file called %.200s",
			       info->name);
	if (tree->n == MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "more than %d files",
			       MAX_ENTRIES);
	if (tree->n == tree->max) {
		tree->max = MAX(2 * tree->max, (size_t)256);
		tree->entries = xrealloc(tree->entries,
					 tree->max * sizeof(*tree->entries));
	}
	tree->entries[tree->n++] = (struct tree_entry){
		.path = xstrdup(info->name),
		.type = info->type,
		.mode = info->mode < 0 ? -1 : info->mode & 0777,
		.size = info->type == FILE_REGULAR ? info->size : 0,
		.mtime_ns = info->mtime_ns,
		.target = info->target ? xstrdup(info->target) : NULL,
		.sha1 = info->sha1 ? xstrdup(info->sha1) : NULL,
	};
	return 0;
}

int
tree_order(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (*a == '\0' || *b == '\0')
		return *a ? 1 : -1;
	/* A slash before all else: what is in a directory comes next. */
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int
by_path(const void *a, const void *b)
{
	const struct tree_entry *one = a, *other = b;

	return tree_order(one->path, other->path);
}

/* The directories of which no more is known. */
static void
mark_closed(struct tree *tree)
{
	for (size_t i = 0; i < strv_len(tree->closed); i++) {
		const struct tree_entry *e = tree_find(tree, tree->closed[i]);

		if (e)
			tree->entries[e - tree->entries].is_closed = true;
	}
}

int
tree_sort(struct tree *tree, struct err *err)
{
	if (tree->n > 0)
		qsort(tree->entries, tree->n, sizeof(*tree->entries), by_path);
	for (size_t i = 1; i < tree->n; i++) {
		if (str_eq(tree->entries[i - 1].path, tree->entries[i].path))
			return err_set(err, ERR_PROTO,
				       "the machine lists %.200s twice",
				       tree->entries[i].path);
	}
	mark_closed(tree);
	return 0;
}

const struct tree_entry *
tree_find(const struct tree *tree, const char *path)
{
	struct tree_entry key = { .path = (char *)(uintptr_t)path };

	if (tree->n == 0)
		return NULL;
	return bsearch(&key, tree->entries, tree->n, sizeof(*tree->entries),
		       by_path);
}

/*
 * This host
 */

static bool
make_sum(const struct walk_entry *e, char hex[2 * SHA1_SIZE + 1])
{
	AUTO_CLOSE int fd = openat(
	    e->dir_fd, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint8_t piece[65536], sum[SHA1_SIZE];
	struct sha1 sha1;
	ssize_t got;

	sha1_init(&sha1);
	while ((got = fd < 0 ? -1 : read_full(fd, piece, sizeof(piece))) > 0)
		sha1_add(&sha1, piece, (size_t)got);
	sha1_end(&sha1, sum);
	hex_encode(hex, sum, sizeof(sum));
	return got == 0;
}

static int
add_local(struct tree *tree, const struct walk_entry *e, unsigned flags,
	  struct err *err)
{
	char target[PATH_MAX] = "", hex[2 * SHA1_SIZE + 1];
	struct file_info info = {
		.name = e->path,
		.type = file_type_of(e->st.st_mode),
		.mode = (int)e->st.st_mode & 07777,
		.size = (uint64_t)e->st.st_size,
		.mtime_ns = e->st.st_mtim.tv_sec * 1000000000ll +
			    e->st.st_mtim.tv_nsec,
	};

	if (info.type == FILE_SYMLINK &&
	    readlinkat(e->dir_fd, e->name, target, sizeof(target) - 1) > 0)
		info.target = target;
	if ((flags & TREE_SUMS) && info.type == FILE_REGULAR &&
	    make_sum(e, hex))
		info.sha1 = hex;
	return tree_add(tree, &info, err);
}

int
tree_read(struct tree *tree, int dir_fd, const struct exclude *exclude,
	  unsigned flags, struct err *err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct walk *walk;
	struct walk_entry e;
	int rc = 0;

	if (fd < 0)
		return err_sys(err, "failed to list");
	walk = walk_new(fd, err);
	if (walk == NULL)
		return -1;
	while (rc == 0 && walk_next(walk, &e) > 0) {
		bool is_dir = S_ISDIR(e.st.st_mode);

		if (S_ISREG(e.st.st_mode) &&
		    newfile_is_temporary(e.name, NULL)) {
			if (!newfile_tidy(e.dir_fd, e.name, flags & TREE_SWEEP))
				continue;
		} else if (exclude_has(exclude, e.path, is_dir)) {
			continue;
		}
		rc = add_local(tree, &e, flags, err);
		if (is_dir && walk_enter(walk) < 0)
			strv_add(&tree->closed, e.path);
	}
	tree->n_skipped = walk_n_skipped(walk) - strv_len(tree->closed);
	walk_free(walk);
	return rc < 0 ? -1 : tree_sort(tree, err);
}

/*
 * A machine
 */

void
tree_on_entry(struct file_call *call UNUSED, const struct file_info *info,
	      void *owner)
{
	struct tree_listing *listing = owner;

	if (!listing->failed)
		listing->failed = tree_add(listing->tree, info, &listing->err) <
				  0;
}

void
tree_on_closed(struct file_call *call UNUSED, const char *name, void *owner)
{
	struct tree_listing *listing = owner;

	if (listing->failed)
		return;
	if (strv_len(listing->tree->closed) == MAX_CLOSED)
		listing->failed = err_set(&listing->err, ERR_LIMIT,
					  "more than %d directories that "
					  "cannot be listed",
					  MAX_CLOSED) < 0;
	else
		strv_add(&listing->tree->closed, name);
}

/* Leave out, in a tree in order, what is excluded, with all below. */
static void
prune(struct tree *tree, const struct exclude *exclude)
{
	const char *gone = NULL;
	size_t kept = 0;
	AUTO_STRV char **dropped = NULL;

	for (size_t i = 0; i < tree->n; i++) {
		struct tree_entry *e = &tree->entries[i];

		if ((gone && path_is_within(gone, e->path)) ||
		    (!newfile_is_temporary(path_base(e->path), NULL) &&
		     exclude_has(exclude, e->path, e->type == FILE_DIR))) {
			if (gone == NULL || !path_is_within(gone, e->path)) {
				strv_free(dropped);
				dropped = NULL;
				strv_add(&dropped, e->path);
				gone = dropped[0];
			}
			free(e->path);
			free(e->target);
			free(e->sha1);
			continue;
		}
		tree->entries[kept++] = *e;
	}
	tree->n = kept;
}

int
tree_list(struct tree *tree, struct files *files, const char *path,
	  const struct exclude *exclude, unsigned flags, struct err *err)
{
	static const struct file_events events = {
		.on_entry = tree_on_entry,
		.on_closed = tree_on_closed,
	};
	struct tree_listing listing = { .tree = tree };
	const struct file_request request = FILE_REQUEST(
	    FILE_LIST, path,
	    .flags = FILE_RECURSIVE | (flags & TREE_SUMS ? FILE_SUMS : 0) |
		     (flags & TREE_SWEEP ? FILE_SWEEP : 0));

	if (file_do(files, &request, &events, &listing, err) < 0)
		return -1;
	if (listing.failed) {
		*err = listing.err;
		return -1;
	}
	if (tree_sort(tree, err) < 0)
		return -1;
	prune(tree, exclude);
	return 0;
}
