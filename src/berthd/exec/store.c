/* SPDX-License-Identifier: ISC */

/*
 * The index of execs; see store.h.
 *
 * A sorted array: new ids are the largest almost always, so inserting is
 * appending.  Entries leave the index at once but are freed from the loop, so
 * that no callback runs on a dead exec.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "berthd/config.h"
#include "berthd/exec/decide.h"
#include "berthd/exec/exec.h"
#include "berthd/exec/launch.h"
#include "berthd/exec/orphans.h"
#include "berthd/exec/runner.h"
#include "berthd/exec/spec.h"
#include "berthd/exec/store.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/log.h"
#include "core/map.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"

#define MIN_PREFIX 4

/* Before the id of an exec that is being removed. */
#define TRASH "trash."

/* Execs removed per turn of the loop while pruning. */
#define PRUNE_SLICE 16

/* Age is looked at so often, besides after every end. */
#define PRUNE_PERIOD_MS (60 * 60 * 1000)

/* After a loss, orphans are looked for until there are none, or so often. */
#define SWEEP_AGAIN_MS 20
#define MAX_SWEEPS 50

struct exec_store {
	struct uv_loop_s *loop;
	struct decide decide; /* with the root of all execs */
	struct runner *runner;
	const struct config *config;
	void (*on_remove)(struct exec *, void *owner);
	void *owner;
	struct exec **execs;
	size_t n, size;
	struct map keys;
	struct exec **dead; /* to be freed from the loop */
	size_t n_dead;
	uv_timer_t *prune; /* runs once soon, and in periods if age counts */
	uv_timer_t *sweep; /* runs after a loss */
	unsigned sweeps_left;
};

static void schedule_prune(struct exec_store *, uint64_t delay_ms);

/* The array */

size_t
exec_store_position(const struct exec_store *store, const char *id)
{
	size_t low = 0, high = store->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(store->execs[mid]->id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
insert(struct exec_store *store, struct exec *exec)
{
	size_t at = store->n;

	if (store->n > 0 && strcmp(store->execs[at - 1]->id, exec->id) > 0)
		at = exec_store_position(store, exec->id);
	if (store->n == store->size) {
		store->size = store->size ? store->size * 2 : 64;
		store->execs = xrealloc(store->execs,
					store->size * sizeof(*store->execs));
	}
	memmove(store->execs + at + 1, store->execs + at,
		(store->n - at) * sizeof(*store->execs));
	store->execs[at] = exec;
	store->n++;
	if (exec->key)
		map_set(&store->keys, exec->key, exec);
}

/* Out of the index; freed when the loop comes round. */
static void
forget(struct exec_store *store, struct exec *exec)
{
	size_t at = exec_store_position(store, exec->id);

	store->on_remove(exec, store->owner);
	exec_leave(exec);
	if (exec->key && map_find(&store->keys, exec->key) == exec)
		map_remove(&store->keys, exec->key);
	memmove(store->execs + at, store->execs + at + 1,
		(store->n - at - 1) * sizeof(*store->execs));
	store->n--;
	store->dead = xrealloc(store->dead,
			       (store->n_dead + 1) * sizeof(*store->dead));
	store->dead[store->n_dead++] = exec;
	schedule_prune(store, 0);
}

static void
free_dead(struct exec_store *store)
{
	while (store->n_dead > 0)
		exec_free(store->dead[--store->n_dead]);
}

size_t
exec_store_len(const struct exec_store *store)
{
	return store->n;
}

struct exec *
exec_store_at(const struct exec_store *store, size_t i)
{
	return store->execs[i];
}

struct exec *
exec_store_find(const struct exec_store *store, const char *name,
		struct err *err)
{
	size_t at, len = strlen(name);

	if (str_eq(name, "last") && store->n > 0)
		return store->execs[store->n - 1];
	at = exec_store_position(store, name);
	if (len < MIN_PREFIX || at == store->n ||
	    strncmp(store->execs[at]->id, name, len) != 0) {
		err_set(err, ERR_NOT_FOUND, "exec_id not found: %.64s", name);
		err_hint(err, "`berth exec ls' lists what is kept here");
		return NULL;
	}
	if (at + 1 < store->n &&
	    strncmp(store->execs[at + 1]->id, name, len) == 0) {
		err_set(err, ERR_CONFLICT, "\"%.64s\" begins several exec ids",
			name);
		err_hint(err, "give more of its characters");
		return NULL;
	}
	return store->execs[at];
}

/* Removing */

/* A holder outlives the end a little, also when nothing is left. */
static bool
is_removable(const struct exec *exec)
{
	/* A holder that has told the end may still be on its way out. */
	return exec_is_ended(exec) && !(exec->run && exec->output_open);
}

static int
remove_dir(const struct exec_store *store, const char *id, struct err *err)
{
	AUTO_CLOSE int root = open(store->decide.root,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *trash = xasprintf(TRASH "%s", id);

	if (root < 0)
		return err_sys(err, "open %s", store->decide.root);
	/* Half removed under its own name it would look like a loss. */
	if (renameat(root, id, root, trash) < 0 && errno != ENOENT)
		return err_sys(err, "rename");
	return fs_remove_tree(root, trash, err);
}

int
exec_store_remove(struct exec_store *store, struct exec *exec, struct err *err)
{
	if (!is_removable(exec)) {
		err_set(
		    err, ERR_CONFLICT,
		    exec_is_ended(exec)
			? "exec %s has ended, but children of it still hold "
			  "its output"
			: "exec %s is running",
		    exec->id);
		return err_hint(err, "`berth exec cancel %s' ends it",
				exec->id);
	}
	if (remove_dir(store, exec->id, err) < 0)
		return err_wrap(err, "remove exec %s", exec->id);
	forget(store, exec);
	return 0;
}

static bool
is_too_old(const struct exec_store *store, const struct exec *exec)
{
	uint64_t age_ns = store->config->retention_age * NS_PER_MS;

	return age_ns && exec->finished_ns + age_ns < clock_wall_ns();
}

/* Remove the oldest beyond the limits; false when a slice is used up. */
static bool
prune(struct exec_store *store)
{
	const struct config *config = store->config;
	size_t excess = 0, removed = 0, i = 0;
	uint64_t bytes = 0;
	struct err err = ERR_INIT;

	if (store->n > (uint64_t)config->retention_count)
		excess = store->n - (size_t)config->retention_count;
	for (size_t k = 0; config->retention_bytes && k < store->n; k++)
		bytes += store->execs[k]->bytes;
	while (i < store->n) {
		struct exec *exec = store->execs[i];
		bool too_large = config->retention_bytes &&
				 bytes > config->retention_bytes;

		if (!is_removable(exec) ||
		    !(excess > 0 || too_large || is_too_old(store, exec))) {
			i++;
			continue;
		}
		if (removed++ == PRUNE_SLICE)
			return false;
		if (exec_store_remove(store, exec, &err) < 0) {
			log_warn("exec", "cannot prune", KV_STR("id", exec->id),
				 KV_ERR(&err));
			i++;
			continue;
		}
		bytes -= exec->bytes; /* still there until the loop turns */
		excess -= excess > 0;
	}
	return true;
}

static void
on_prune(uv_timer_t *timer)
{
	struct exec_store *store = timer->data;

	free_dead(store);
	if (!prune(store))
		schedule_prune(store, 1);
	else if (store->n_dead > 0)
		schedule_prune(store, 0);
	else if (store->config->retention_age)
		schedule_prune(store, PRUNE_PERIOD_MS);
}

static void
schedule_prune(struct exec_store *store, uint64_t delay_ms)
{
	if (store->prune)
		(void)uv_timer_start(store->prune, on_prune, delay_ms, 0);
}

/* What lost execs left running */

static bool
is_lost(const char *id, void *owner)
{
	const struct exec_store *store = owner;
	size_t at = exec_store_position(store, id);

	return at < store->n && str_eq(store->execs[at]->id, id) &&
	       store->execs[at]->kind == EXEC_LOST;
}

static void
on_sweep(uv_timer_t *timer)
{
	struct exec_store *store = timer->data;
	unsigned n = orphans_kill(is_lost, store);

	if (n == 0 || store->sweeps_left-- == 0)
		return;
	log_info("exec", "killed what lost execs left", KV_INT("n", n));
	(void)uv_timer_start(timer, on_sweep, SWEEP_AGAIN_MS, 0);
}

static void
schedule_sweep(struct exec_store *store)
{
	store->sweeps_left = MAX_SWEEPS;
	if (store->sweep)
		(void)uv_timer_start(store->sweep, on_sweep, 0, 0);
}

/* Starting */

static void
on_end(struct exec *exec, void *owner)
{
	struct exec_store *store = owner;

	if (exec->kind == EXEC_LOST)
		schedule_sweep(store);
	if (store->n > (uint64_t)store->config->retention_count ||
	    store->config->retention_bytes || store->config->retention_age)
		schedule_prune(store, 0);
}

static void
on_refused(struct exec *exec, void *owner)
{
	struct exec_store *store = owner;
	struct err err = ERR_INIT;

	if (remove_dir(store, exec->id, &err) < 0)
		log_warn("exec", "cannot remove remains",
			 KV_STR("id", exec->id), KV_ERR(&err));
	forget(store, exec);
}

static const struct exec_events exec_events = {
	.on_end = on_end,
	.on_refused = on_refused,
};

/* The earlier exec of this key; NULL without error if there is none. */
static struct exec *
find_by_key(const struct exec_store *store, const struct spec *spec,
	    struct err *err)
{
	struct exec *exec;

	if (spec->key == NULL)
		return NULL;
	exec = map_find(&store->keys, spec->key);
	if (exec && !str_eq(exec->fingerprint ? exec->fingerprint : "",
			    spec->fingerprint)) {
		err_set(err, ERR_CONFLICT,
			"key \"%.128s\" belongs to another request, exec %s",
			spec->key, exec->id);
		err_hint(err, "use a new key for a new command");
		return NULL;
	}
	return exec;
}

static void
complete_spec(struct spec *spec)
{
	char fingerprint[SPEC_FINGERPRINT_SIZE], id[ID_SIZE];

	spec_fingerprint(spec, fingerprint);
	spec->fingerprint = xstrdup(fingerprint);
	spec->created_ns = (int64_t)clock_wall_ns();
	id_new(id, (uint64_t)spec->created_ns);
	spec->exec_id = xstrdup(id);
}

struct exec *
exec_store_start(struct exec_store *store, const struct exec_request *request,
		 bool *ret_existing, struct err *err)
{
	struct launch launch = { 0 };
	struct exec *exec;
	int rc;

	complete_spec(request->spec);
	exec = find_by_key(store, request->spec, err);
	*ret_existing = exec != NULL;
	if (exec || err->code != ERR_NONE)
		return exec;

	exec = exec_new(store->decide.root, request->spec->exec_id,
			store->runner, &exec_events, store);
	rc = decide_launch(&store->decide, request->spec, request->restricted,
			   &launch, err);
	exec_describe(exec, request->spec);
	if (rc == 0)
		rc = exec_start(exec, &launch, err);
	launch_fini(&launch);
	if (rc < 0) {
		exec_free(exec);
		return NULL;
	}
	insert(store, exec);
	return exec;
}

/* Coming and going */

static void
load_one(struct exec_store *store, const char *id)
{
	struct exec *exec = exec_new(store->decide.root, id, store->runner,
				     &exec_events, store);
	struct err err = ERR_INIT;

	if (exec_load(exec, &err) < 0) {
		if (err.code == ERR_NOT_FOUND)
			(void)remove_dir(store, id, &(struct err)ERR_INIT);
		log_warn("exec", "cannot read an exec's directory",
			 KV_STR("id", id), KV_ERR(&err));
		exec_free(exec);
		return;
	}
	insert(store, exec);
}

static int
load_all(struct exec_store *store, struct err *err)
{
	AUTO_STRV char **names = NULL;
	DIR *dir = opendir(store->decide.root);
	struct dirent *entry;
	size_t n = 0, size = 0;

	if (dir == NULL)
		return err_sys(err, "list %s", store->decide.root);
	while ((entry = readdir(dir)) != NULL) {
		if (str_starts(entry->d_name, TRASH))
			(void)fs_remove_tree(dirfd(dir), entry->d_name,
					     &(struct err)ERR_INIT);
		if (strlen(entry->d_name) != ID_SIZE - 1)
			continue;
		if (n + 1 >= size) {
			size = size ? size * 2 : 64;
			names = xrealloc(names, size * sizeof(*names));
		}
		names[n++] = xstrdup(entry->d_name);
		names[n] = NULL;
	}
	closedir(dir);
	strv_sort(names);
	for (size_t i = 0; i < n; i++)
		load_one(store, names[i]);
	return 0;
}

static uv_timer_t *
new_timer(struct exec_store *store)
{
	uv_timer_t *timer = xcalloc(1, sizeof(*timer));

	(void)uv_timer_init(store->loop, timer);
	timer->data = store;
	return timer;
}

struct exec_store *
exec_store_new(const struct exec_store_config *config, struct err *err)
{
	struct exec_store *store = xcalloc(1, sizeof(*store));

	store->loop = config->loop;
	store->runner = config->runner;
	store->config = config->config;
	store->on_remove = config->on_remove;
	store->owner = config->owner;
	map_init(&store->keys);
	if (decide_init(&store->decide, config->root, config->config, err) <
		0 ||
	    fs_mkdir_private(store->decide.root, err) < 0 ||
	    load_all(store, err) < 0) {
		exec_store_free(store);
		return NULL;
	}
	store->prune = new_timer(store);
	store->sweep = new_timer(store);
	schedule_prune(store, 0);
	for (size_t i = 0; i < store->n; i++) {
		if (store->execs[i]->kind == EXEC_LOST)
			schedule_sweep(store);
	}
	return store;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

void
exec_store_free(struct exec_store *store)
{
	if (store == NULL)
		return;
	if (store->prune)
		uv_close((uv_handle_t *)store->prune, on_timer_closed);
	if (store->sweep)
		uv_close((uv_handle_t *)store->sweep, on_timer_closed);
	for (size_t i = 0; i < store->n; i++)
		exec_free(store->execs[i]);
	free_dead(store);
	free(store->execs);
	free(store->dead);
	map_fini(&store->keys);
	decide_fini(&store->decide);
	free(store);
}
