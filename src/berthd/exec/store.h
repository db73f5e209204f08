/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_EXEC_STORE_H
#define BERTHD_EXEC_STORE_H

/*
 * All execs of this user on this host: an index over the directories below
 * one root, in the order of their ids, which is the order of their starts.
 *
 * The index can be rebuilt at any time; the idempotency keys are part of it.
 * Old execs are removed by count, age and size; one that runs, or whose output
 * is still open, never is.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct config;
struct exec;
struct exec_store;
struct runner;
struct spec;
struct uv_loop_s;

struct exec_store_config {
	struct uv_loop_s *loop;
	const char *root; /* made if missing */
	struct runner *runner;
	const struct config *config; /* borrowed for good */
	/* An exec is about to be removed from the index. */
	void (*on_remove)(struct exec *, void *owner);
	void *owner;
};

struct exec_store *exec_store_new(const struct exec_store_config *config,
				  struct err *err);
void exec_store_free(struct exec_store *store);

/* Start what was asked; `restricted' holds it to the allowed directories. */
struct exec_request {
	struct spec *spec; /* completed in place */
	bool restricted;
};

/*
 * Returns the exec, not acknowledged yet; watch it.  With a key that is known
 * and the same request it is the earlier exec, and *ret_existing is true.
 * ERR_CONFLICT: the key belongs to another request.
 */
struct exec *exec_store_start(struct exec_store *store,
			      const struct exec_request *request,
			      bool *ret_existing, struct err *err);

/* By id, by a prefix of at least 4 characters that names one, or "last". */
struct exec *exec_store_find(const struct exec_store *store, const char *name,
			     struct err *err);

/* Oldest first. */
size_t exec_store_len(const struct exec_store *store);
struct exec *exec_store_at(const struct exec_store *store, size_t i);

/* The index of the first exec whose id is not less than `id'. */
size_t exec_store_position(const struct exec_store *store, const char *id);

/* Remove an ended exec and its directory; ERR_CONFLICT if it runs. */
int exec_store_remove(struct exec_store *store, struct exec *exec,
		      struct err *err);

#endif
