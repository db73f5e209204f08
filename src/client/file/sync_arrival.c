/* SPDX-License-Identifier: ISC */

/*
 * Archives that arrive; see sync_arrival.h.
 *
 * The machine is not trusted with names: what it sends is accepted under a name
 * that is expected, and unpacked by archive/untar.h, which never leaves the
 * directory.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/macros.h"
#include "core/mem.h"
#include "archive/tar.h"
#include "archive/untar.h"
#include "client/file/sync_arrival.h"
#include "client/file/sync_own.h"

struct arrival {
	struct sync *sync;
	struct untar *untar;
	bool *is_expected; /* of each step of the plan */
};

static bool *
expected(struct arrival *a, const struct plan_step *step)
{
	return &a->is_expected[step - a->sync->plan.steps];
}

/* Is it what was listed?  It may have changed since. */
static bool
is_as_listed(const struct plan_step *step, const struct tar_entry *entry)
{
	switch (entry->type) {
	case TAR_FILE:
		return step->kind == PLAN_FILE &&
		       step->entry->size == entry->size;
	case TAR_DIR:
		return step->kind == PLAN_DIR;
	case TAR_SYMLINK:
		return step->kind == PLAN_LINK;
	default:
		return false;
	}
}

static int
on_entry(struct tar_entry *entry, void *owner, struct err *err)
{
	struct arrival *a = owner;
	const struct plan_step *step = sync_find(a->sync, entry->name);

	if (step == NULL || !*expected(a, step) || entry->type == TAR_HARDLINK)
		return err_set(err, ERR_PROTO,
			       "the machine sends %.200s, which nobody asked "
			       "for",
			       entry->name);
	*expected(a, step) = false;
	/* If it has changed since, the next sync is to see that. */
	entry->mtime_ns = step->entry->mtime_ns;
	if (is_as_listed(step, entry))
		return 0;
	sync_tell(a->sync, SYNC_SKIP, step->entry,
		  "it changed while it was read");
	return 1;
}

static void
on_done(const char *name, void *owner)
{
	struct arrival *a = owner;
	const struct plan_step *step = sync_find(a->sync, name);

	if (step == NULL)
		return;
	a->sync->counts.bytes += step->entry->size;
	sync_tell(a->sync,
		  step->kind == PLAN_DIR && !step->is_new ? SYNC_CHANGE
							  : SYNC_SEND,
		  step->entry, NULL);
}

static void
on_refused(const char *name, const struct err *why, void *owner)
{
	struct arrival *a = owner;
	const struct plan_step *step = sync_find(a->sync, name);

	if (step)
		sync_tell(a->sync, SYNC_SKIP, step->entry, why->msg);
}

struct arrival *
arrival_new(struct sync *sync)
{
	static const struct untar_events events = {
		.on_entry = on_entry,
		.on_done = on_done,
		.on_refused = on_refused,
	};
	struct arrival *a = xcalloc(1, sizeof(*a));
	AUTO_FREE char *root = realpath(sync->config->local, NULL);

	a->sync = sync;
	a->is_expected = xcalloc(sync->plan.n + 1, sizeof(*a->is_expected));
	a->untar = untar_new(dup(sync->fd), root, 0);
	untar_keep(a->untar);
	untar_watch(a->untar, &events, a);
	return a;
}

void
arrival_free(struct arrival *a)
{
	if (a == NULL)
		return;
	untar_free(a->untar);
	free(a->is_expected);
	free(a);
}

void
arrival_expect(struct arrival *a, const struct plan_step *step)
{
	*expected(a, step) = true;
}

void
arrival_take(struct arrival *a, const void *bytes, size_t n)
{
	const uint8_t *in = bytes;
	struct err err = ERR_INIT;
	int rc = a->sync->failed ? 0 : 1;

	while (rc > 0)
		rc = untar_step(a->untar, &in, &n, &err);
	if (rc < 0)
		sync_give_up(a->sync, &err);
}

/* Those that are expected and did not come. */
static void
tell_missing(struct arrival *a)
{
	for (size_t i = 0; i < a->sync->plan.n; i++) {
		if (a->is_expected[i])
			sync_tell(a->sync, SYNC_SKIP,
				  a->sync->plan.steps[i].entry,
				  "it cannot be read, or is gone");
	}
}

void
arrival_end(struct arrival *a)
{
	struct err err = ERR_INIT;

	if (!a->sync->failed && untar_finish(a->untar, &err) < 0)
		sync_give_up(a->sync, &err);
	if (!a->sync->failed)
		tell_missing(a);
}
