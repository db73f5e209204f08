/* SPDX-License-Identifier: ISC */

/*
 * Trees listed and removed over SFTP; see file_sftp_own.h.
 */

#include <string.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "client/file/file_sftp_own.h"
#include "client/file/leftover.h"

/* Directories that are listed at a time. */
#define MAX_DIRS 16

/* A server that has more to list, or deeper, does not mean well. */
#define MAX_ENTRIES (1u << 20)
#define MAX_PATH 4096

static void list_more(struct sftp_call *c);
static void start_removing(struct sftp_call *c);

static void
found(struct sftp_call *c, const struct file_info *info)
{
	if (c->op == FILE_LIST)
		c->base.events->on_entry(&c->base, info, c->base.owner);
	else
		(void)tree_add(&c->tree, info, &(struct err)ERR_INIT);
}

static struct job *
job_new(struct sftp_call *c, const char *path)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->call = c;
	job->path = xstrdup(path);
	list_append(&c->jobs, &job->link);
	c->n_jobs++;
	return job;
}

static char *
below(const struct sftp_call *c, const char *path)
{
	return path[0] ? path_join(c->path, path) : xstrdup(c->path);
}

static void
list_done(struct sftp_call *c)
{
	if (c->op == FILE_LIST)
		sftp_end(c, NULL);
	else
		start_removing(c);
}

static void
on_link_target(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct job *job = owner;
	struct sftp_call *c = job->call;
	AUTO_FREE char *target = sftp_one_name(reply);

	if (why) {
		sftp_end(c, why);
		return;
	}
	job->info.name = job->path;
	job->info.target = target;
	found(c, &job->info);
	sftp_job_free(job);
	list_more(c);
}

/* A temporary file of ours: not of the list, and cleaned up on demand. */
static bool
is_leftover(struct sftp_call *c, const char *path, const struct file_info *info)
{
	const char *base = path_base(path);
	AUTO_FREE char *whole = NULL;

	if (info->type != FILE_REGULAR || !newfile_is_temporary(base, NULL))
		return false;
	if (!(c->flags & FILE_SWEEP))
		return c->op == FILE_LIST;
	/* Those that can be resumed, when nobody does. */
	if (!str_ends(base, ".tmp"))
		return !leftover_is_dead(base, info->mtime_ns);
	if (!leftover_is_dead(base, info->mtime_ns))
		return true;
	whole = below(c, path);
	sftp_put_text(sftp_body(c->f->sftp, SFTP_REMOVE), whole);
	sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
	return true;
}

static void
take_entry(struct job *dir, const struct sftp_name *name)
{
	struct sftp_call *c = dir->call;
	AUTO_FREE char *base = xstrndup(name->name, name->n_name);
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *whole = NULL;
	struct file_info info;
	struct job *link;

	if (str_eq(base, ".") || str_eq(base, "..") || strchr(base, '/') ||
	    base[0] == '\0' || strlen(base) != name->n_name)
		return;
	path = dir->path[0] ? path_join(dir->path, base) : xstrdup(base);
	info = sftp_info_of(&name->attrs, path);
	if (is_leftover(c, path, &info))
		return;
	if (info.type == FILE_SYMLINK && c->op == FILE_LIST) {
		link = job_new(c, path);
		link->info = info;
		whole = below(c, path);
		sftp_put_text(sftp_body(c->f->sftp, SFTP_READLINK), whole);
		sftp_send(c->f->sftp, NULL, 0, on_link_target, link);
		return;
	}
	found(c, &info);
	if (info.type == FILE_DIR && (c->flags & FILE_RECURSIVE))
		strv_add(&c->dirs, path);
}

static void
dir_done(struct job *dir)
{
	struct sftp_call *c = dir->call;

	sftp_close_handle(c, &dir->handle);
	sftp_job_free(dir);
	c->n_dirs--;
	list_more(c);
}

static void
tell_closed(struct job *dir)
{
	struct sftp_call *c = dir->call;

	if (c->op == FILE_LIST && c->base.events->on_closed)
		c->base.events->on_closed(&c->base, dir->path, c->base.owner);
}

static void
on_dot(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct job *dir = owner;

	if (why) {
		sftp_end(dir->call, why);
		return;
	}
	if (sftp_is_status(reply, SFTP_PERMISSION_DENIED))
		tell_closed(dir);
	dir_done(dir);
}

/* Where names may be read but not what they stand for, servers give none. */
static void
end_names(struct job *dir)
{
	AUTO_FREE char *whole = below(dir->call, dir->path);
	AUTO_FREE char *dot = path_join(whole, ".");

	if (dir->has_names) {
		dir_done(dir);
		return;
	}
	sftp_put_text(sftp_body(dir->call->f->sftp, SFTP_LSTAT), dot);
	sftp_send(dir->call->f->sftp, NULL, 0, on_dot, dir);
}

static void
on_names(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct job *dir = owner;
	struct sftp_call *c = dir->call;
	struct err err = ERR_INIT;
	struct sftp_name name;
	int rc;

	if (sftp_is_status(reply, SFTP_EOF)) {
		end_names(dir);
		return;
	}
	if (why || reply->type != SFTP_NAME) {
		sftp_end_with(c, reply, why);
		return;
	}
	while ((rc = sftp_names_next(reply, &name, &err)) > 0) {
		take_entry(dir, &name);
		dir->has_names = true;
		if (++c->n_entries > MAX_ENTRIES ||
		    strlen(dir->path) + name.n_name > MAX_PATH)
			rc = err_set(&err, ERR_LIMIT, "%.200s: there is no end",
				     c->path);
		if (rc < 0)
			break;
	}
	if (rc < 0)
		sftp_end(c, &err);
	else
		sftp_ask_handle(c, SFTP_READDIR, &dir->handle, on_names, dir);
}

static void
on_dir_open(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct job *dir = owner;
	struct sftp_call *c = dir->call;

	if (sftp_take_handle(&dir->handle, reply)) {
		sftp_ask_handle(c, SFTP_READDIR, &dir->handle, on_names, dir);
		return;
	}
	if (why || dir->path[0] == '\0') {
		sftp_end_with(c, reply, why);
		return;
	}
	tell_closed(dir);
	dir_done(dir);
}

static void
list_more(struct sftp_call *c)
{
	while (strv_len(c->dirs) > 0 && c->n_dirs < MAX_DIRS) {
		size_t last = strv_len(c->dirs) - 1;
		AUTO_FREE char *path = c->dirs[last];
		AUTO_FREE char *whole = below(c, path);
		struct job *dir = job_new(c, path);

		c->dirs[last] = NULL;
		c->n_dirs++;
		sftp_put_text(sftp_body(c->f->sftp, SFTP_OPENDIR), whole);
		sftp_send(c->f->sftp, NULL, 0, on_dir_open, dir);
	}
	if (c->n_jobs == 0)
		list_done(c);
}

void
sftp_start_list(struct sftp_call *c)
{
	strv_add(&c->dirs, "");
	list_more(c);
}

/*
 * Removing
 */

static void
on_removed(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (sftp_is_status(reply, SFTP_FAILURE) &&
	    sftp_type_of(&c->there) == FILE_DIR) {
		sftp_end_set(c, ERR_CONFLICT, "the directory is not empty");
		return;
	}
	if (sftp_is_ok(c, reply, why))
		sftp_end(c, NULL);
}

static void
remove_top(struct sftp_call *c)
{
	sftp_ask_path(
	    c, sftp_type_of(&c->there) == FILE_DIR ? SFTP_RMDIR : SFTP_REMOVE,
	    c->path, on_removed);
}

static void remove_next(struct sftp_call *c);

static void
on_one_removed(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (sftp_is_status(reply, SFTP_NO_SUCH_FILE) ||
	    sftp_is_ok(c, reply, why))
		remove_next(c);
}

/* From the end of the tree: what is in a directory before it. */
static void
remove_next(struct sftp_call *c)
{
	const struct tree_entry *e;
	AUTO_FREE char *whole = NULL;

	if (c->n_removed == c->tree.n) {
		remove_top(c);
		return;
	}
	e = &c->tree.entries[c->tree.n - ++c->n_removed];
	whole = below(c, e->path);
	sftp_ask_path(c, e->type == FILE_DIR ? SFTP_RMDIR : SFTP_REMOVE, whole,
		      on_one_removed);
}

static void
start_removing(struct sftp_call *c)
{
	struct err err = ERR_INIT;

	if (tree_sort(&c->tree, &err) < 0)
		sftp_end(c, &err);
	else
		remove_next(c);
}

static void
on_remove_stat(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || reply->type != SFTP_ATTRS) {
		sftp_end_with(c, reply, why);
		return;
	}
	c->there = reply->attrs;
	if (sftp_type_of(&c->there) == FILE_DIR && (c->flags & FILE_RECURSIVE))
		sftp_start_list(c);
	else
		remove_top(c);
}

void
sftp_start_remove(struct sftp_call *c)
{
	sftp_ask_path(c, SFTP_LSTAT, c->path, on_remove_stat);
}
