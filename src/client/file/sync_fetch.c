/* SPDX-License-Identifier: ISC */

/*
 * A directory fetched where nothing of it is: all is wanted, so it need not be
 * asked for.  One request brings the list of the tree and, behind it, the files
 * that are not large; when the list is complete the plan is made of it, as
 * ever, and expects them.
 *
 * A daemon that does not know the request, or packs nothing because there is
 * too much, leaves the rest to sync_pull.c.
 */

#include "core/macros.h"
#include "client/file/sync_arrival.h"
#include "client/file/sync_own.h"

struct fetching {
	struct tree_listing listing;
	struct sync *sync;
	struct arrival *arrival; /* NULL: no archive has begun */
};

/* The list is complete. */
static void
begin(struct fetching *f)
{
	struct sync *sync = f->sync;
	struct err err = f->listing.err;

	if (f->listing.failed || tree_sort(&sync->remote, &err) < 0) {
		sync_give_up(sync, &err);
		return;
	}
	sync_plan(sync);
	sync_make_dirs(sync);
	f->arrival = arrival_new(sync);
	for (size_t i = 0; i < sync->plan.n; i++) {
		const struct plan_step *step = &sync->plan.steps[i];

		if (step->kind == PLAN_FILE && sync_is_bulk(sync, step))
			arrival_expect(f->arrival, step);
	}
}

static void
on_data(struct file_call *call UNUSED, const void *bytes, size_t n, void *owner)
{
	struct fetching *f = container_of((struct tree_listing *)owner,
					  struct fetching, listing);

	if (f->arrival == NULL && !f->sync->failed)
		begin(f);
	if (f->arrival)
		arrival_take(f->arrival, bytes, n);
}

static int
ask(struct fetching *f, struct err *err)
{
	static const struct file_events events = {
		.on_entry = tree_on_entry,
		.on_closed = tree_on_closed,
		.on_data = on_data,
	};
	const struct file_request request = FILE_REQUEST(
	    FILE_FETCH, f->sync->config->remote, .below = f->sync->large);

	return file_do(f->sync->files, &request, &events, &f->listing, err);
}

/* What a daemon of before says; if it means the path, the list says it, too. */
static bool
is_unknown(const struct err *err)
{
	return err->code == ERR_NOT_FOUND || err->code == ERR_INVALID ||
	       err->code == ERR_UNSUPPORTED;
}

int
sync_fetch(struct sync *sync, struct err *err)
{
	struct fetching f = { .listing.tree = &sync->remote, .sync = sync };
	int rc = ask(&f, err);

	if (f.arrival == NULL && !sync->failed) {
		tree_fini(&sync->remote);
		return rc == 0 || is_unknown(err) ? 0 : -1;
	}
	if (rc < 0)
		sync_give_up(sync, err);
	else if (f.arrival)
		arrival_end(f.arrival);
	arrival_free(f.arrival);
	sync->is_fetched = true;
	return 0;
}
