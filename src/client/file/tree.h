/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CLIENT_FILE_TREE_H
#define BERTH_CLIENT_FILE_TREE_H

/*
 * What a directory holds, here or on a machine, in an order in which a
 * directory comes right before what is in it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "client/file/file.h"

struct exclude;

struct tree_entry {
	char *path; /* below the root, clean */
	enum file_type type;
	int mode;
	uint64_t size;
	int64_t mtime_ns;
	char *target;	/* of a link */
	char *sha1;	/* if it was asked for */
	bool is_closed; /* a directory of which nothing more is known */
};

struct tree {
	struct tree_entry *entries;
	size_t n, max;
	uint64_t n_skipped; /* what could not be looked at, without a name */
	char **closed;	    /* paths of closed directories */
};

#define TREE_INIT                                                              \
	{                                                                      \
		.n = 0                                                         \
	}

void tree_fini(struct tree *tree);

/* ERR_PROTO: the name is none that a file below the root can have. */
int tree_add(struct tree *tree, const struct file_info *info, struct err *err);

/* Bring into order; ERR_PROTO when a name is there twice. */
int tree_sort(struct tree *tree, struct err *err);

/* In a tree in order: the entry, or NULL. */
const struct tree_entry *tree_find(const struct tree *tree, const char *path);

/* Which of two paths comes first; as strcmp. */
int tree_order(const char *a, const char *b);

enum tree_flags {
	TREE_SUMS = 1u << 0,
	TREE_SWEEP = 1u << 1, /* remove what killed writers left */
};

/* Read the directory `dir_fd' of this host, in order. */
int tree_read(struct tree *tree, int dir_fd, const struct exclude *exclude,
	      unsigned flags, struct err *err);

/* What a list brings, for file_events; the owner is the listing. */
struct tree_listing {
	struct tree *tree;
	bool failed;
	struct err err;
};

void tree_on_entry(struct file_call *call, const struct file_info *info,
		   void *listing);
void tree_on_closed(struct file_call *call, const char *name, void *listing);

/* List `path' of a machine, in order.  ERR_NOT_FOUND. */
int tree_list(struct tree *tree, struct files *files, const char *path,
	      const struct exclude *exclude, unsigned flags, struct err *err);

static inline void
auto_tree(struct tree *tree)
{
	tree_fini(tree);
}

#define AUTO_TREE __attribute__((cleanup(auto_tree))) struct tree

#endif
