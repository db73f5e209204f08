/* SPDX-License-Identifier: ISC */

/*
 * Two trees compared; see sync_plan.h.
 *
 * Both are walked side by side.  Temporary files of earlier runs are in the
 * target's tree: those that this run will go on with are left, the others
 * deleted, whatever was said about deleting.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/sha1.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "archive/tar.h"
#include "client/file/sync_plan.h"

#define SECOND ((int64_t)NS_PER_S)

void
plan_fini(struct plan *plan)
{
	free(plan->steps);
	*plan = (struct plan)PLAN_INIT;
}

void
plan_key(char out[17], const struct tree_entry *e)
{
	AUTO_FREE char *text = xasprintf("%s%c%" PRIu64 "%c%" PRId64, e->path,
					 '/', e->size, '/', e->mtime_ns);
	uint8_t sum[SHA1_SIZE];

	sha1(text, strlen(text), sum);
	hex_encode(out, sum, 8);
}

static struct plan_step *
add(struct plan *plan, enum plan_kind kind, const struct tree_entry *entry)
{
	if (plan->n == plan->max) {
		plan->max = MAX(2 * plan->max, (size_t)256);
		plan->steps = xrealloc(plan->steps,
				       plan->max * sizeof(*plan->steps));
	}
	plan->steps[plan->n] = (struct plan_step){ .kind = kind,
						   .entry = entry };
	return &plan->steps[plan->n++];
}

static void
skip(struct plan *plan, const struct tree_entry *entry, const char *why)
{
	add(plan, PLAN_SKIP, entry)->why = why;
}

/* A time that has no fraction may come from who knows none. */
static bool
same_time(int64_t a, int64_t b)
{
	if (a % SECOND == 0 || b % SECOND == 0)
		return clock_timespec(a).tv_sec == clock_timespec(b).tv_sec;
	return a == b;
}

static bool
same_mode(const struct tree_entry *a, const struct tree_entry *b)
{
	return a->mode < 0 || b->mode < 0 || a->mode == b->mode;
}

static bool
same_content(const struct tree_entry *s, const struct tree_entry *t,
	     bool checksum)
{
	if (s->size != t->size)
		return false;
	if (checksum)
		return s->sha1 && t->sha1 && str_eq(s->sha1, t->sha1);
	return same_time(s->mtime_ns, t->mtime_ns);
}

static void
plan_file(struct plan *plan, const struct plan_config *c,
	  const struct tree_entry *s, const struct tree_entry *t)
{
	if (t == NULL || t->type != FILE_REGULAR ||
	    !same_content(s, t, c->checksum))
		add(plan, PLAN_FILE, s);
	else if (!same_mode(s, t) || !same_time(s->mtime_ns, t->mtime_ns))
		add(plan, PLAN_SET, s);
	else
		plan->n_same++;
}

static void
plan_link(struct plan *plan, const struct plan_config *c,
	  const struct tree_entry *s, const struct tree_entry *t)
{
	if (s->target == NULL || !tar_link_is_safe(c->root, s->path, s->target))
		skip(plan, s, "the link leads out of the directory");
	else if (t && t->type == FILE_SYMLINK && t->target &&
		 str_eq(s->target, t->target))
		plan->n_same++;
	else
		add(plan, PLAN_LINK, s);
}

static void
plan_dir(struct plan *plan, const struct tree_entry *s,
	 const struct tree_entry *t, bool is_touched)
{
	bool is_new = t == NULL || t->type != FILE_DIR;

	if (is_new || is_touched || !same_mode(s, t) ||
	    !same_time(s->mtime_ns, t->mtime_ns))
		add(plan, PLAN_DIR, s)->is_new = is_new;
	else
		plan->n_same++;
}

static void
plan_entry(struct plan *plan, const struct plan_config *c,
	   const struct tree_entry *s, const struct tree_entry *t,
	   bool is_touched)
{
	if (t && t->type == FILE_DIR && s->type != FILE_DIR && !c->deletes) {
		skip(plan, s,
		     "a directory is in its place; --delete removes it");
		return;
	}
	if (s->is_closed) {
		skip(plan, s, "the directory cannot be listed");
		return;
	}
	switch (s->type) {
	case FILE_REGULAR:
		plan_file(plan, c, s, t);
		return;
	case FILE_DIR:
		plan_dir(plan, s, t, is_touched);
		return;
	case FILE_SYMLINK:
		plan_link(plan, c, s, t);
		return;
	case FILE_OTHER:
		skip(plan, s, "neither file, directory nor link");
	}
}

/* Is the temporary file that of a file which is still to come? */
static bool
is_wanted(const struct plan_config *c, const struct tree_entry *t)
{
	AUTO_FREE char *dir = xstrndup(t->path, strlen(t->path) -
						    strlen(path_base(t->path)));
	char key[17];

	for (size_t i = 0; i < c->source->n; i++) {
		const struct tree_entry *s = &c->source->entries[i];

		if (s->type != FILE_REGULAR || s->size < c->large ||
		    !str_starts(s->path, dir) ||
		    strchr(s->path + strlen(dir), '/'))
			continue;
		plan_key(key, s);
		if (newfile_is_temporary(path_base(t->path), key))
			return true;
	}
	return false;
}

/* Is it below a directory of which the source could not say what is in it? */
static bool
is_hidden(const struct plan_config *c, const char *path)
{
	AUTO_FREE char *dir = xstrdup(path);
	const struct tree_entry *s;
	char *slash;

	if (c->source->closed == NULL)
		return false;
	while ((slash = strrchr(dir, '/')) != NULL) {
		*slash = '\0';
		s = tree_find(c->source, dir);
		if (s && s->is_closed)
			return true;
	}
	return false;
}

/* Must the target's entry make room?  `s' is what the source has there. */
static bool
is_doomed(const struct plan_config *c, const struct tree_entry *t,
	  const struct tree_entry *s)
{
	if (is_hidden(c, t->path))
		return false;
	if (t->type == FILE_REGULAR &&
	    newfile_is_temporary(path_base(t->path), NULL))
		return !is_wanted(c, t);
	if (s == NULL)
		return c->deletes;
	if (t->type == FILE_DIR)
		return s->type != FILE_DIR && c->deletes;
	return s->type == FILE_DIR;
}

/* What a step changes in a directory changes the directory's time. */
static void
touch_parent(const struct plan_config *c, const char *path, bool *touched)
{
	const char *base = path_base(path);
	AUTO_FREE char *dir = NULL;
	const struct tree_entry *parent;

	if (base == path)
		return;
	dir = xstrndup(path, (size_t)(base - path) - 1);
	parent = tree_find(c->source, dir);
	if (parent)
		touched[parent - c->source->entries] = true;
}

static void
plan_all(struct plan *plan, const struct plan_config *c, const bool *touched)
{
	for (size_t i = 0; i < c->source->n; i++) {
		const struct tree_entry *s = &c->source->entries[i];

		plan_entry(plan, c, s, tree_find(c->target, s->path),
			   touched[i]);
	}
}

void
plan_make(struct plan *plan, const struct plan_config *c)
{
	AUTO_FREE bool *touched = xcalloc(c->source->n + 1, sizeof(*touched));
	size_t n_deletes;

	for (size_t i = c->target->n; i-- > 0;) {
		const struct tree_entry *t = &c->target->entries[i];

		if (is_doomed(c, t, tree_find(c->source, t->path)))
			add(plan, PLAN_DELETE, t);
	}
	n_deletes = plan->n;
	plan_all(plan, c, touched);
	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_step *step = &plan->steps[i];

		if (step->kind != PLAN_SET && step->kind != PLAN_SKIP &&
		    (step->kind != PLAN_DIR || step->is_new))
			touch_parent(c, step->entry->path, touched);
	}
	plan->n = n_deletes;
	plan->n_same = 0;
	plan_all(plan, c, touched);
}
