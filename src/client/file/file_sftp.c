/* SPDX-License-Identifier: ISC */

/*
 * Files over SFTP; see file_sftp.h.
 *
 * A call is a chain of requests, each started by the answer to the one before;
 * reads and writes of content are many at a time.  Version 3 knows times in
 * whole seconds and has no word for "exists already": what fails for no said
 * reason is looked at again.
 *
 * Here are the small calls and the interface; file_sftp_read.c, _write.c and
 * _list.c have the others.
 */

#include <string.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "client/file/file_sftp.h"
#include "client/file/file_sftp_own.h"
#include "client/file/leftover.h"
#include "http/stream.h"

/*
 * Stat
 */

static void
on_stat_target(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;
	AUTO_FREE char *target = sftp_one_name(reply);

	if (why) {
		sftp_end(c, why);
		return;
	}
	sftp_give_attrs(c, &c->there, c->path, target);
	sftp_end(c, NULL);
}

static void
on_stat(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || reply->type != SFTP_ATTRS) {
		sftp_end_with(c, reply, why);
		return;
	}
	c->there = reply->attrs;
	if (sftp_type_of(&c->there) == FILE_SYMLINK) {
		sftp_ask_path(c, SFTP_READLINK, c->path, on_stat_target);
		return;
	}
	sftp_give_attrs(c, &c->there, c->path, NULL);
	sftp_end(c, NULL);
}

static void
start_stat(struct sftp_call *c)
{
	sftp_ask_path(c, c->flags & FILE_FOLLOW ? SFTP_STAT : SFTP_LSTAT,
		      c->path, on_stat);
}

/*
 * The small ones
 */

static void
on_done(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (sftp_is_ok(c, reply, why))
		sftp_end(c, NULL);
}

static void
on_dir_there(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || reply->type != SFTP_ATTRS)
		sftp_end_with(c, reply, why);
	else if ((c->flags & FILE_PARENTS) &&
		 sftp_type_of(&reply->attrs) == FILE_DIR)
		sftp_end(c, NULL);
	else
		sftp_end_set(c, ERR_CONFLICT, "exists already");
}

static void
ask_set(struct sftp_call *c, sftp_reply_fn *fn)
{
	struct sftp_attrs attrs = sftp_attrs_to_set(c);
	struct buf *body = sftp_body(c->f->sftp, SFTP_SETSTAT);

	sftp_put_text(body, c->path);
	sftp_put_attrs(body, &attrs);
	sftp_send(c->f->sftp, NULL, 0, fn, c);
}

static void
on_dir_made(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (sftp_is_status(reply, SFTP_FAILURE))
		sftp_ask_path(c, SFTP_STAT, c->path, on_dir_there);
	else if (sftp_is_ok(c, reply, why) && c->mode >= 0)
		ask_set(c, on_done);
	else if (sftp_is_status(reply, SFTP_OK))
		sftp_end(c, NULL);
}

static void
start_mkdir(struct sftp_call *c)
{
	const struct sftp_attrs attrs = {
		.has_mode = true, .mode = c->mode < 0 ? 0755 : (uint32_t)c->mode
	};
	struct buf *body;

	if (c->flags & FILE_PARENTS)
		sftp_make_dirs(c, c->path);
	body = sftp_body(c->f->sftp, SFTP_MKDIR);
	sftp_put_text(body, c->path);
	sftp_put_attrs(body, &attrs);
	sftp_send(c->f->sftp, NULL, 0, on_dir_made, c);
}

static void
on_rename_first(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!sftp_is_status(reply, SFTP_FAILURE) || c->in_one_step) {
		on_done(reply, why, c);
		return;
	}
	/* The first request of all is made before the server said what it can.
	 */
	if (sftp_extensions(c->f->sftp) & SFTP_POSIX_RENAME) {
		sftp_ask_rename(c, c->path, c->to, on_done);
		return;
	}
	sftp_put_text(sftp_body(c->f->sftp, SFTP_REMOVE), c->to);
	sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
	sftp_ask_rename(c, c->path, c->to, on_done);
}

static void
on_rename_there(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;
	struct buf *body;

	if (reply && reply->type == SFTP_ATTRS) {
		sftp_end_set(c, ERR_CONFLICT, "%.100s exists already", c->to);
		return;
	}
	if (!sftp_is_status(reply, SFTP_NO_SUCH_FILE)) {
		sftp_end_with(c, reply, why);
		return;
	}
	/* The plain one does not replace, should it be there by now. */
	body = sftp_body(c->f->sftp, SFTP_RENAME);
	sftp_put_text(body, c->path);
	sftp_put_text(body, c->to);
	sftp_send(c->f->sftp, NULL, 0, on_done, c);
}

static void
start_rename(struct sftp_call *c)
{
	if (c->flags & FILE_NEW)
		sftp_ask_path(c, SFTP_LSTAT, c->to, on_rename_there);
	else
		sftp_ask_rename(c, c->path, c->to, on_rename_first);
}

static void
on_link_renamed(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!sftp_is_ok(c, reply, why))
		return;
	free(c->tmp);
	c->tmp = NULL;
	sftp_end(c, NULL);
}

static void
on_linked(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!sftp_is_ok(c, reply, why))
		return;
	if (!(sftp_extensions(c->f->sftp) & SFTP_POSIX_RENAME)) {
		sftp_put_text(sftp_body(c->f->sftp, SFTP_REMOVE), c->path);
		sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
	}
	sftp_ask_rename(c, c->tmp, c->path, on_link_renamed);
}

/* OpenSSH has the two paths the other way round, and all follow it. */
static void
start_link(struct sftp_call *c)
{
	const char *base = path_base(c->path);
	struct buf *body;
	char name[LEFTOVER_NAME_SIZE];

	leftover_name(name);
	c->tmp = xasprintf("%.*s%s", (int)(base - c->path), c->path, name);
	body = sftp_body(c->f->sftp, SFTP_SYMLINK);
	sftp_put_text(body, c->target);
	sftp_put_text(body, c->tmp);
	sftp_send(c->f->sftp, NULL, 0, on_linked, c);
}

static void
on_set_stat(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || reply->type != SFTP_ATTRS)
		sftp_end_with(c, reply, why);
	else if (sftp_type_of(&reply->attrs) == FILE_SYMLINK)
		sftp_end_set(c, ERR_INVALID, "a link has no mode");
	else
		ask_set(c, on_done);
}

/* Looked at first: the request itself would follow a link. */
static void
start_set(struct sftp_call *c)
{
	sftp_ask_path(c, SFTP_LSTAT, c->path, on_set_stat);
}

/*
 * Copying: read and write again, since the protocol has no word for it.
 */

static void
copy_failed(struct sftp_call *c, const struct err *err)
{
	struct err copy = *err;

	sftp_end(c, &copy);
}

static void
from_on_data(struct file_call *call, const void *bytes, size_t n, void *owner)
{
	struct sftp_call *c = owner;

	if (file_write(c->into, bytes, n))
		file_pause(call);
}

static void
from_on_end(struct file_call *call UNUSED, const struct err *err, void *owner)
{
	struct sftp_call *c = owner;

	c->from = NULL;
	if (err)
		copy_failed(c, err);
	else
		file_write_end(c->into);
}

static void
into_on_ready(struct file_call *call UNUSED, uint64_t offset UNUSED,
	      void *owner)
{
	struct sftp_call *c = owner;

	file_resume(c->from);
}

static void
into_on_drain(struct file_call *call UNUSED, void *owner)
{
	struct sftp_call *c = owner;

	if (c->from)
		file_resume(c->from);
}

static void
into_on_end(struct file_call *call UNUSED, const struct err *err, void *owner)
{
	struct sftp_call *c = owner;

	c->into = NULL;
	if (err)
		copy_failed(c, err);
	else
		sftp_end(c, NULL);
}

static void
from_on_entry(struct file_call *call, const struct file_info *info, void *owner)
{
	static const struct file_events events = { .on_ready = into_on_ready,
						   .on_drain = into_on_drain,
						   .on_end = into_on_end };
	struct sftp_call *c = owner;
	struct file_request request = FILE_REQUEST(
	    FILE_WRITE, c->to, .flags = c->flags & FILE_NEW);
	struct err err = ERR_INIT;

	request.mode = info->mode & 0777;
	file_pause(call);
	c->into = file_start(&c->f->files, &request, &events, c, &err);
}

static void
start_copy(struct sftp_call *c)
{
	static const struct file_events events = { .on_entry = from_on_entry,
						   .on_data = from_on_data,
						   .on_end = from_on_end };
	const struct file_request request = FILE_REQUEST(FILE_READ, c->path);

	c->from = file_start(&c->f->files, &request, &events, c, &c->err);
	if (c->from == NULL)
		sftp_later(c);
}

/*
 * The interface
 */

typedef void start_fn(struct sftp_call *c);

static start_fn *const starts[] = {
	[FILE_READ] = sftp_start_read, [FILE_WRITE] = sftp_start_write,
	[FILE_LIST] = sftp_start_list, [FILE_STAT] = start_stat,
	[FILE_MKDIR] = start_mkdir,    [FILE_REMOVE] = sftp_start_remove,
	[FILE_RENAME] = start_rename,  [FILE_COPY] = start_copy,
	[FILE_LINK] = start_link,      [FILE_SET] = start_set,
};

/* The server begins in the home: what is relative lies there. */
static char *
home_path(const char *path)
{
	if (path == NULL)
		return NULL;
	if (str_eq(path, "~") || str_eq(path, "~/"))
		return xstrdup(".");
	return xstrdup(str_starts(path, "~/") ? path + 2 : path);
}

static char *
copy_text(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static struct file_call *
sftp_start(struct files *files, const struct file_request *r,
	   const struct file_events *events, void *owner, struct err *err)
{
	struct sftp_files *f = container_of(files, struct sftp_files, files);
	struct sftp_call *c;

	if (sftp_broken(f->sftp)) {
		*err = *sftp_broken(f->sftp);
		return NULL;
	}
	if (strlen(r->path) >= SFTP_MAX_PATH ||
	    (r->to && strlen(r->to) >= SFTP_MAX_PATH) ||
	    (r->target && strlen(r->target) >= SFTP_MAX_PATH)) {
		err_set(err, ERR_LIMIT, "%.100s...: the path is too long",
			r->path);
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->base = (struct file_call){ files, events, owner };
	c->f = f;
	c->op = r->op;
	c->flags = r->flags;
	c->path = home_path(r->path);
	c->to = home_path(r->to);
	c->target = copy_text(r->target);
	c->if_match = copy_text(r->if_match);
	c->key = copy_text(r->key);
	c->mode = r->mode;
	c->mtime_ns = r->mtime_ns;
	c->offset = r->offset;
	c->end = r->length ? r->offset + r->length : UINT64_MAX;
	c->size = r->size;
	list_init(&c->jobs);
	uv_timer_init(files->loop, &c->later);
	starts[r->op](c);
	return &c->base;
}

static void
sftp_pause(struct file_call *call)
{
	sftp_call_of(call)->is_paused = true;
}

static void
sftp_resume(struct file_call *call)
{
	struct sftp_call *c = sftp_call_of(call);

	if (!c->is_paused)
		return;
	c->is_paused = false;
	/* Before it is open the answer to that goes on. */
	if (c->handle.is_open)
		sftp_later(c);
}

static void
sftp_cancel(struct file_call *call)
{
	sftp_call_of(call)->is_ending = true;
	sftp_call_free(sftp_call_of(call));
}

static void
sftp_files_free(struct files *files)
{
	struct sftp_files *f = container_of(files, struct sftp_files, files);

	sftp_free(f->sftp);
	free(f);
}

static const struct file_ops sftp_ops = {
	.name = "sftp",
	.start = sftp_start,
	.write = sftp_write_more,
	.write_end = sftp_write_end,
	.pause = sftp_pause,
	.resume = sftp_resume,
	.cancel = sftp_cancel,
	.free = sftp_files_free,
};

struct files *
file_sftp_new(struct stream *stream)
{
	struct sftp_files *f = xcalloc(1, sizeof(*f));

	f->files = (struct files){ &sftp_ops, stream_loop(stream) };
	f->sftp = sftp_new(stream);
	return &f->files;
}
