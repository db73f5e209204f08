/* SPDX-License-Identifier: ISC */

/*
 * Files over SFTP; see file_sftp.h.
 *
 * A call is a chain of requests, each started by the answer to the one before;
 * reads and writes of content are many at a time.  Version 3 knows times in
 * whole seconds and has no word for "exists already": what fails for no said
 * reason is looked at again.
 *
 * A file is written under a temporary name and renamed at the end, with the
 * extension that replaces in one step where the server has it.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <uv.h>

#include "core/list.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "client/file/file_sftp.h"
#include "client/file/leftover.h"
#include "client/file/tree.h"
#include "client/sftp.h"
#include "http/stream.h"

/* Content under way: of one file, and of all of them. */
#define WINDOW (4u << 20)
#define SHARED_WINDOW (16u << 20)
#define SLOTS 64

/* Directories that are listed at a time. */
#define MAX_DIRS 16

/* A server that has more to list, or deeper, does not mean well. */
#define MAX_ENTRIES (1u << 20)
#define MAX_PATH 4096

#define NS_PER_S 1000000000ll

struct sftp_files {
	struct files files;
	struct sftp *sftp;
	uint64_t out; /* bytes written that are not answered yet */
};

struct handle {
	uint8_t bytes[SFTP_MAX_HANDLE];
	size_t n;
	bool is_open;
};

struct sftp_call;

/* One read under way. */
struct slot {
	struct sftp_call *call;
	uint64_t at;
	size_t want, got;
	uint8_t *bytes;
	bool is_done, is_end;
};

/* A directory that is being listed, or a link that is being read. */
struct job {
	struct list link;
	struct sftp_call *call;
	char *path; /* below the root of the list; "" is the root */
	struct handle handle;
	struct file_info info;
};

struct sftp_call {
	struct file_call base;
	struct sftp_files *f;
	enum file_op op;
	unsigned flags;
	char *path, *to, *target, *if_match, *key;
	int mode;
	int64_t mtime_ns;
	uint64_t offset, end, size;
	uv_timer_t later;
	struct err err; /* what `later' tells */
	struct handle handle;
	char *tmp;	  /* the temporary name, while it is there */
	bool in_one_step; /* the rename under way replaces */
	bool keeps_tmp;

	/* Reading. */
	struct slot slots[SLOTS];
	size_t head, n_slots;
	uint64_t next;
	bool is_paused, is_delivering;

	/* Writing. */
	uint64_t written, outstanding; /* bytes */
	bool is_full, is_ended, has_made_dirs, was_there;
	struct sftp_attrs there;

	/* Listing and removing. */
	struct list jobs;
	size_t n_dirs, n_jobs, n_entries;
	char **dirs; /* those still to be listed */
	struct tree tree;
	size_t n_removed;

	/* Copying. */
	struct file_call *from, *into;
};

static struct sftp_call *
of(struct file_call *call)
{
	return container_of(call, struct sftp_call, base);
}

/*
 * The end of a call
 */

static void
job_free(struct job *job)
{
	sftp_forget(job->call->f->sftp, job);
	list_unlink(&job->link);
	job->call->n_jobs--;
	free(job->path);
	free(job);
}

static void
on_closed(uv_handle_t *handle)
{
	struct sftp_call *c = container_of((uv_timer_t *)handle,
					   struct sftp_call, later);

	free(c->path);
	free(c->to);
	free(c->target);
	free(c->if_match);
	free(c->key);
	free(c->tmp);
	for (size_t i = 0; i < SLOTS; i++)
		free(c->slots[i].bytes);
	strv_free(c->dirs);
	tree_fini(&c->tree);
	free(c);
}

static void
close_handle(struct sftp_call *c, struct handle *handle)
{
	struct buf *body;

	if (!handle->is_open || sftp_broken(c->f->sftp))
		return;
	handle->is_open = false;
	body = sftp_body(c->f->sftp, SFTP_CLOSE);
	sftp_put_bytes(body, handle->bytes, handle->n);
	sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
}

static void
call_free(struct sftp_call *c)
{
	struct job *job;

	sftp_forget(c->f->sftp, c);
	for (size_t i = 0; i < c->n_slots; i++)
		sftp_forget(c->f->sftp, &c->slots[(c->head + i) % SLOTS]);
	list_for_each (job, &c->jobs, link) {
		close_handle(c, &job->handle);
		job_free(job);
	}
	close_handle(c, &c->handle);
	c->f->out -= c->outstanding;
	if (c->tmp && !c->keeps_tmp && !sftp_broken(c->f->sftp)) {
		sftp_put_text(sftp_body(c->f->sftp, SFTP_REMOVE), c->tmp);
		sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
	}
	if (c->from)
		file_cancel(c->from);
	if (c->into)
		file_cancel(c->into);
	uv_close((uv_handle_t *)&c->later, on_closed);
}

static void
end(struct sftp_call *c, const struct err *err)
{
	c->base.events->on_end(&c->base, err, c->base.owner);
	call_free(c);
}

/* It failed: a status, or the reason why there is none. */
static void
end_with(struct sftp_call *c, const struct sftp_reply *reply,
	 const struct err *why)
{
	struct err err = ERR_INIT;

	if (why)
		err = *why;
	else
		sftp_status_err(reply, c->path, &err);
	end(c, &err);
}

static void PRINTF(3, 4)
    end_set(struct sftp_call *c, enum err_code code, const char *fmt, ...)
{
	struct err err = ERR_INIT;
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(&err, code, "%.200s: %s", c->path, text);
	end(c, &err);
}

static bool
is_status(const struct sftp_reply *reply, uint32_t status)
{
	return reply && reply->type == SFTP_STATUS && reply->status == status;
}

/* The usual: true if all is well, otherwise the call has ended. */
static bool
is_ok(struct sftp_call *c, const struct sftp_reply *reply,
      const struct err *why)
{
	if (is_status(reply, SFTP_OK))
		return true;
	end_with(c, reply, why);
	return false;
}

/*
 * Requests
 */

static void
ask_path(struct sftp_call *c, enum sftp_type type, const char *path,
	 sftp_reply_fn *fn)
{
	sftp_put_text(sftp_body(c->f->sftp, type), path);
	sftp_send(c->f->sftp, NULL, 0, fn, c);
}

static void
ask_handle(struct sftp_call *c, enum sftp_type type,
	   const struct handle *handle, sftp_reply_fn *fn, void *owner)
{
	struct buf *body = sftp_body(c->f->sftp, type);

	sftp_put_bytes(body, handle->bytes, handle->n);
	sftp_send(c->f->sftp, NULL, 0, fn, owner);
}

static void
ask_open(struct sftp_call *c, const char *path, uint32_t flags,
	 sftp_reply_fn *fn)
{
	const struct sftp_attrs attrs = { .has_mode = flags & SFTP_OPEN_CREAT,
					  .mode = 0600 };
	struct buf *body = sftp_body(c->f->sftp, SFTP_OPEN);

	sftp_put_text(body, path);
	sftp_put_u32(body, flags);
	sftp_put_attrs(body, &attrs);
	sftp_send(c->f->sftp, NULL, 0, fn, c);
}

/* In place of what is there, in one step if the server can. */
static void
ask_rename(struct sftp_call *c, const char *from, const char *to,
	   sftp_reply_fn *fn)
{
	bool can = sftp_extensions(c->f->sftp) & SFTP_POSIX_RENAME;
	struct buf *body = sftp_body(c->f->sftp,
				     can ? SFTP_EXTENDED : SFTP_RENAME);

	c->in_one_step = can;
	if (can)
		sftp_put_text(body, "posix-rename@openssh.com");
	sftp_put_text(body, from);
	sftp_put_text(body, to);
	sftp_send(c->f->sftp, NULL, 0, fn, c);
}

static bool
take_handle(struct handle *handle, const struct sftp_reply *reply)
{
	if (reply == NULL || reply->type != SFTP_HANDLE)
		return false;
	memcpy(handle->bytes, reply->bytes, reply->n);
	handle->n = reply->n;
	handle->is_open = true;
	return true;
}

/*
 * What is told about a file
 */

static enum file_type
type_of(const struct sftp_attrs *a)
{
	if (!a->has_mode)
		return FILE_OTHER;
	return S_ISREG(a->mode)	  ? FILE_REGULAR
	       : S_ISDIR(a->mode) ? FILE_DIR
	       : S_ISLNK(a->mode) ? FILE_SYMLINK
				  : FILE_OTHER;
}

static const char *
etag_of(char out[48], const struct sftp_attrs *a)
{
	snprintf(out, 48, "\"%" PRIx64 "-%" PRIx32 "\"", a->size, a->mtime);
	return out;
}

static struct file_info
info_of(const struct sftp_attrs *a, const char *name)
{
	return (struct file_info){
		.name = name,
		.type = type_of(a),
		.mode = a->has_mode ? (int)a->mode & 07777 : -1,
		.size = a->has_size ? a->size : 0,
		.mtime_ns = a->has_times ? a->mtime * NS_PER_S : 0,
		.uid = a->has_owner ? (int64_t)a->uid : -1,
		.gid = a->has_owner ? (int64_t)a->gid : -1,
	};
}

static void
give_attrs(struct sftp_call *c, const struct sftp_attrs *a, const char *name,
	   const char *target)
{
	struct file_info info = info_of(a, name);
	char etag[48];

	info.etag = etag_of(etag, a);
	info.target = target;
	if (c->base.events->on_entry)
		c->base.events->on_entry(&c->base, &info, c->base.owner);
}

/* The one text of a SFTP_NAME, owned by the caller; NULL. */
static char *
one_name(struct sftp_reply *reply)
{
	struct sftp_name name;
	struct err err = ERR_INIT;

	if (reply == NULL || reply->type != SFTP_NAME ||
	    sftp_names_next(reply, &name, &err) <= 0 ||
	    memchr(name.name, '\0', name.n_name))
		return NULL;
	return xstrndup(name.name, name.n_name);
}

/*
 * Stat
 */

static void
on_stat_target(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;
	AUTO_FREE char *target = one_name(reply);

	if (why) {
		end(c, why);
		return;
	}
	give_attrs(c, &c->there, c->path, target);
	end(c, NULL);
}

static void
on_stat(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || reply->type != SFTP_ATTRS) {
		end_with(c, reply, why);
		return;
	}
	c->there = reply->attrs;
	if (type_of(&c->there) == FILE_SYMLINK) {
		ask_path(c, SFTP_READLINK, c->path, on_stat_target);
		return;
	}
	give_attrs(c, &c->there, c->path, NULL);
	end(c, NULL);
}

static void
start_stat(struct sftp_call *c)
{
	ask_path(c, c->flags & FILE_FOLLOW ? SFTP_STAT : SFTP_LSTAT, c->path,
		 on_stat);
}

/*
 * Reading
 */

static void pump_reads(struct sftp_call *c);

/* Hand on what is there in order; false: the call is over or gone. */
static bool
deliver(struct sftp_call *c)
{
	while (c->n_slots > 0 && !c->is_paused) {
		struct slot *slot = &c->slots[c->head];

		if (!slot->is_done)
			return true;
		if (slot->got > 0)
			c->base.events->on_data(&c->base, slot->bytes,
						slot->got, c->base.owner);
		if (slot->is_end) {
			end(c, NULL);
			return false;
		}
		c->head = (c->head + 1) % SLOTS;
		c->n_slots--;
	}
	return true;
}

static void
send_read(struct slot *slot, sftp_reply_fn *fn)
{
	struct sftp_call *c = slot->call;
	struct buf *body = sftp_body(c->f->sftp, SFTP_READ);

	sftp_put_bytes(body, c->handle.bytes, c->handle.n);
	sftp_put_u64(body, slot->at + slot->got);
	sftp_put_u32(body, (uint32_t)(slot->want - slot->got));
	sftp_send(c->f->sftp, NULL, 0, fn, slot);
}

static void
on_read(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct slot *slot = owner;
	struct sftp_call *c = slot->call;

	if (is_status(reply, SFTP_EOF)) {
		slot->is_done = slot->is_end = true;
	} else if (why || reply->type != SFTP_DATA || reply->n == 0 ||
		   reply->n > slot->want - slot->got) {
		end_with(c, reply, why);
		return;
	} else {
		memcpy(slot->bytes + slot->got, reply->bytes, reply->n);
		slot->got += reply->n;
		slot->is_done = slot->got == slot->want;
		/* A short answer is not the end. */
		if (!slot->is_done) {
			send_read(slot, on_read);
			return;
		}
		slot->is_end = slot->at + slot->got == c->end;
	}
	if (deliver(c))
		pump_reads(c);
}

static void
pump_reads(struct sftp_call *c)
{
	size_t chunk = sftp_chunk(c->f->sftp);
	size_t most = MAX(MIN((size_t)SLOTS, WINDOW / chunk), (size_t)1);

	/* Beyond the size that was told: one at a time, to find the end. */
	while (!c->is_paused && c->n_slots < most && c->next < c->end &&
	       (c->next < c->size || c->n_slots == 0)) {
		struct slot *slot = &c->slots[(c->head + c->n_slots) % SLOTS];
		uint8_t *bytes = slot->bytes;

		if (bytes == NULL)
			bytes = xmalloc(chunk);
		*slot = (struct slot){
			.call = c,
			.at = c->next,
			.want = (size_t)MIN((uint64_t)chunk, c->end - c->next),
			.bytes = bytes,
		};
		c->next += slot->want;
		c->n_slots++;
		send_read(slot, on_read);
	}
}

static void
on_read_open(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || !take_handle(&c->handle, reply)) {
		end_with(c, reply, why);
		return;
	}
	give_attrs(c, &c->there, c->path, NULL);
	pump_reads(c);
}

/* Looked at first: to open a FIFO would block the server. */
static void
on_read_stat(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;
	char etag[48];

	if (why || reply->type != SFTP_ATTRS) {
		end_with(c, reply, why);
		return;
	}
	c->there = reply->attrs;
	c->size = reply->attrs.size;
	if (type_of(&c->there) != FILE_REGULAR)
		end_set(c, ERR_INVALID, "is not a file");
	else if (c->if_match && !str_eq(c->if_match, "*") &&
		 !str_eq(c->if_match, etag_of(etag, &c->there)))
		end_set(c, ERR_CONFLICT, "was changed by somebody else");
	else
		ask_open(c, c->path, SFTP_OPEN_READ, on_read_open);
}

static void
start_read(struct sftp_call *c)
{
	c->next = c->offset;
	ask_path(c, SFTP_STAT, c->path, on_read_stat);
}

/*
 * Writing
 */

static void open_tmp(struct sftp_call *c);

static void
on_write_told(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || reply->type != SFTP_ATTRS) {
		end_with(c, reply, why);
		return;
	}
	give_attrs(c, &reply->attrs, c->path, NULL);
	end(c, NULL);
}

static void
on_write_renamed(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!is_ok(c, reply, why))
		return;
	free(c->tmp);
	c->tmp = NULL;
	ask_path(c, SFTP_LSTAT, c->to, on_write_told);
}

/* Servers without the extension do not replace. */
static void
on_write_first_rename(struct sftp_reply *reply, const struct err *why,
		      void *owner)
{
	struct sftp_call *c = owner;

	if (!is_status(reply, SFTP_FAILURE) || !c->was_there ||
	    (sftp_extensions(c->f->sftp) & SFTP_POSIX_RENAME)) {
		on_write_renamed(reply, why, c);
		return;
	}
	sftp_put_text(sftp_body(c->f->sftp, SFTP_REMOVE), c->to);
	sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
	ask_rename(c, c->tmp, c->to, on_write_renamed);
}

/* What the conditions say about what is there; true: go on. */
static bool
conditions_hold(struct sftp_call *c)
{
	char etag[48];

	if ((c->flags & FILE_NEW) && c->was_there)
		end_set(c, ERR_CONFLICT, "exists already");
	else if (c->if_match && !c->was_there)
		end_set(c, ERR_CONFLICT, "is gone");
	else if (c->if_match && !str_eq(c->if_match, "*") &&
		 !str_eq(c->if_match, etag_of(etag, &c->there)))
		end_set(c, ERR_CONFLICT, "was changed by somebody else");
	else
		return true;
	return false;
}

/* What has the name now, at the beginning and again at the end. */
static bool
take_there(struct sftp_call *c, const struct sftp_reply *reply,
	   const struct err *why)
{
	c->was_there = reply && reply->type == SFTP_ATTRS;
	if (c->was_there)
		c->there = reply->attrs;
	if (c->was_there || is_status(reply, SFTP_NO_SUCH_FILE))
		return true;
	end_with(c, reply, why);
	return false;
}

static void
on_write_checked(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (take_there(c, reply, why) && conditions_hold(c))
		ask_rename(c, c->tmp, c->to, on_write_first_rename);
}

static void
on_write_closed(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (is_ok(c, reply, why))
		ask_path(c, SFTP_LSTAT, c->to, on_write_checked);
}

static void
on_write_set(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!is_ok(c, reply, why))
		return;
	c->handle.is_open = false;
	ask_handle(c, SFTP_CLOSE, &c->handle, on_write_closed, c);
}

static struct sftp_attrs
attrs_to_set(const struct sftp_call *c)
{
	struct sftp_attrs attrs = { .has_mode = c->mode >= 0,
				    .mode = (uint32_t)c->mode & 0777,
				    .has_times = c->mtime_ns >= 0 };

	attrs.atime = attrs.mtime = (uint32_t)(c->mtime_ns / NS_PER_S);
	return attrs;
}

static void
finish_write(struct sftp_call *c)
{
	struct sftp_attrs attrs;
	struct buf *body;

	if (c->size != UINT64_MAX && c->written != c->size) {
		c->keeps_tmp = false;
		end_set(c, ERR_INVALID, "%" PRIu64 " bytes came, not %" PRIu64,
			c->written, c->size);
		return;
	}
	if (c->mode < 0)
		c->mode = c->was_there && type_of(&c->there) == FILE_REGULAR
			      ? (int)c->there.mode & 0777
			      : 0644;
	attrs = attrs_to_set(c);
	body = sftp_body(c->f->sftp, SFTP_FSETSTAT);
	sftp_put_bytes(body, c->handle.bytes, c->handle.n);
	sftp_put_attrs(body, &attrs);
	sftp_send(c->f->sftp, NULL, 0, on_write_set, c);
}

/* One piece was taken; all count as whole ones. */
static void
on_written(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;
	size_t n = sftp_chunk(c->f->sftp);

	if (!is_ok(c, reply, why))
		return;
	c->outstanding -= n;
	c->f->out -= n;
	if (c->outstanding == 0 && c->is_ended) {
		finish_write(c);
	} else if (c->is_full && c->outstanding <= WINDOW / 2) {
		c->is_full = false;
		if (c->base.events->on_drain)
			c->base.events->on_drain(&c->base, c->base.owner);
	}
}

static void
on_resume_size(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why) {
		end(c, why);
		return;
	}
	if (reply->type == SFTP_ATTRS && reply->attrs.has_size)
		c->written = MIN(reply->attrs.size, c->size);
	c->base.events->on_ready(&c->base, c->written, c->base.owner);
}

static void
on_tmp_open(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (is_status(reply, SFTP_NO_SUCH_FILE) && (c->flags & FILE_PARENTS) &&
	    !c->has_made_dirs) {
		open_tmp(c);
		return;
	}
	if (why || !take_handle(&c->handle, reply)) {
		free(c->tmp);
		c->tmp = NULL;
		end_with(c, reply, why);
		return;
	}
	if (c->key)
		ask_handle(c, SFTP_FSTAT, &c->handle, on_resume_size, c);
	else
		c->base.events->on_ready(&c->base, 0, c->base.owner);
}

/* All directories above `path', from the top; what exists stays. */
static void
make_dirs(struct sftp_call *c, const char *path)
{
	const struct sftp_attrs attrs = { .has_mode = true, .mode = 0755 };

	for (const char *p = path + 1; *p; p++) {
		AUTO_FREE char *dir = NULL;
		struct buf *body;

		if (*p != '/')
			continue;
		dir = xstrndup(path, (size_t)(p - path));
		body = sftp_body(c->f->sftp, SFTP_MKDIR);
		sftp_put_text(body, dir);
		sftp_put_attrs(body, &attrs);
		sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
	}
}

/* The second time, after the directories were made. */
static void
open_tmp(struct sftp_call *c)
{
	const char *base = path_base(c->to);
	char name[LEFTOVER_NAME_SIZE];

	if (c->tmp && !c->has_made_dirs) {
		make_dirs(c, c->to);
		c->has_made_dirs = true;
	} else {
		if (c->key)
			newfile_key_name(name, c->key);
		else
			leftover_name(name);
		c->tmp = xasprintf("%.*s%s", (int)(base - c->to), c->to, name);
		c->keeps_tmp = c->key;
	}
	ask_open(c, c->tmp,
		 SFTP_OPEN_WRITE | SFTP_OPEN_CREAT |
		     (c->key ? 0 : SFTP_OPEN_EXCL),
		 on_tmp_open);
}

static void
on_write_real(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;
	char *real = one_name(reply);

	if (why) {
		end(c, why);
		return;
	}
	/* A link to nowhere is replaced itself. */
	if (real) {
		free(c->to);
		c->to = real;
	}
	open_tmp(c);
}

static void
on_write_there(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!take_there(c, reply, why) || !conditions_hold(c))
		return;
	if (c->was_there && type_of(&c->there) == FILE_SYMLINK)
		ask_path(c, SFTP_REALPATH, c->to, on_write_real);
	else if (c->was_there && type_of(&c->there) != FILE_REGULAR)
		end_set(c, ERR_INVALID, "is not a file");
	else
		open_tmp(c);
}

static void
start_write(struct sftp_call *c)
{
	c->to = xstrdup(c->path);
	ask_path(c, SFTP_LSTAT, c->to, on_write_there);
}

static bool
sftp_write(struct file_call *call, const void *bytes, size_t n)
{
	struct sftp_call *c = of(call);
	size_t chunk = sftp_chunk(c->f->sftp);
	const uint8_t *p = bytes;

	if (c->op != FILE_WRITE || !c->handle.is_open)
		return false;
	while (n > 0) {
		size_t part = MIN(n, chunk);
		struct buf *body = sftp_body(c->f->sftp, SFTP_WRITE);

		sftp_put_bytes(body, c->handle.bytes, c->handle.n);
		sftp_put_u64(body, c->written);
		sftp_put_u32(body, (uint32_t)part);
		sftp_send(c->f->sftp, p, part, on_written, c);
		c->written += part;
		c->outstanding += chunk;
		c->f->out += chunk;
		p += part;
		n -= part;
	}
	c->is_full = c->outstanding >= WINDOW || c->f->out >= SHARED_WINDOW;
	return c->is_full;
}

static void
on_later(uv_timer_t *timer)
{
	struct sftp_call *c = container_of(timer, struct sftp_call, later);

	if (c->err.code != ERR_NONE)
		end(c, &c->err);
	else if (c->op == FILE_WRITE)
		finish_write(c);
	else if (c->op == FILE_READ && deliver(c))
		pump_reads(c);
}

static void
sftp_write_end(struct file_call *call)
{
	struct sftp_call *c = of(call);

	c->is_ended = true;
	if (c->outstanding == 0)
		uv_timer_start(&c->later, on_later, 0, 0);
}

/*
 * Lists
 */

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
		end(c, NULL);
	else
		start_removing(c);
}

static void
on_link_target(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct job *job = owner;
	struct sftp_call *c = job->call;
	AUTO_FREE char *target = one_name(reply);

	if (why) {
		end(c, why);
		return;
	}
	job->info.name = job->path;
	job->info.target = target;
	found(c, &job->info);
	job_free(job);
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
	/* Those that can be resumed are for the caller to judge. */
	if (!str_ends(base, ".tmp"))
		return false;
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
	info = info_of(&name->attrs, path);
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

	close_handle(c, &dir->handle);
	job_free(dir);
	c->n_dirs--;
	list_more(c);
}

static void
on_names(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct job *dir = owner;
	struct sftp_call *c = dir->call;
	struct err err = ERR_INIT;
	struct sftp_name name;
	int rc;

	if (is_status(reply, SFTP_EOF)) {
		dir_done(dir);
		return;
	}
	if (why || reply->type != SFTP_NAME) {
		end_with(c, reply, why);
		return;
	}
	while ((rc = sftp_names_next(reply, &name, &err)) > 0) {
		take_entry(dir, &name);
		if (++c->n_entries > MAX_ENTRIES ||
		    strlen(dir->path) + name.n_name > MAX_PATH)
			rc = err_set(&err, ERR_LIMIT, "%.200s: there is no end",
				     c->path);
		if (rc < 0)
			break;
	}
	if (rc < 0)
		end(c, &err);
	else
		ask_handle(c, SFTP_READDIR, &dir->handle, on_names, dir);
}

static void
on_dir_open(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct job *dir = owner;
	struct sftp_call *c = dir->call;

	if (take_handle(&dir->handle, reply)) {
		ask_handle(c, SFTP_READDIR, &dir->handle, on_names, dir);
		return;
	}
	/* A directory inside that cannot be listed is left out. */
	if (why || dir->path[0] == '\0')
		end_with(c, reply, why);
	else
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

static void
start_list(struct sftp_call *c)
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

	if (is_status(reply, SFTP_FAILURE) && type_of(&c->there) == FILE_DIR) {
		end_set(c, ERR_CONFLICT, "the directory is not empty");
		return;
	}
	if (is_ok(c, reply, why))
		end(c, NULL);
}

static void
remove_top(struct sftp_call *c)
{
	ask_path(c, type_of(&c->there) == FILE_DIR ? SFTP_RMDIR : SFTP_REMOVE,
		 c->path, on_removed);
}

static void remove_next(struct sftp_call *c);

static void
on_one_removed(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (is_status(reply, SFTP_NO_SUCH_FILE) || is_ok(c, reply, why))
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
	ask_path(c, e->type == FILE_DIR ? SFTP_RMDIR : SFTP_REMOVE, whole,
		 on_one_removed);
}

static void
start_removing(struct sftp_call *c)
{
	struct err err = ERR_INIT;

	if (tree_sort(&c->tree, &err) < 0)
		end(c, &err);
	else
		remove_next(c);
}

static void
on_remove_stat(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || reply->type != SFTP_ATTRS) {
		end_with(c, reply, why);
		return;
	}
	c->there = reply->attrs;
	if (type_of(&c->there) == FILE_DIR && (c->flags & FILE_RECURSIVE))
		start_list(c);
	else
		remove_top(c);
}

static void
start_remove(struct sftp_call *c)
{
	ask_path(c, SFTP_LSTAT, c->path, on_remove_stat);
}

/*
 * The small ones
 */

static void
on_done(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (is_ok(c, reply, why))
		end(c, NULL);
}

static void
on_dir_there(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || reply->type != SFTP_ATTRS)
		end_with(c, reply, why);
	else if ((c->flags & FILE_PARENTS) &&
		 type_of(&reply->attrs) == FILE_DIR)
		end(c, NULL);
	else
		end_set(c, ERR_CONFLICT, "exists already");
}

static void
ask_set(struct sftp_call *c, sftp_reply_fn *fn)
{
	struct sftp_attrs attrs = attrs_to_set(c);
	struct buf *body = sftp_body(c->f->sftp, SFTP_SETSTAT);

	sftp_put_text(body, c->path);
	sftp_put_attrs(body, &attrs);
	sftp_send(c->f->sftp, NULL, 0, fn, c);
}

static void
on_dir_made(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (is_status(reply, SFTP_FAILURE))
		ask_path(c, SFTP_STAT, c->path, on_dir_there);
	else if (is_ok(c, reply, why) && c->mode >= 0)
		ask_set(c, on_done);
	else if (is_status(reply, SFTP_OK))
		end(c, NULL);
}

static void
start_mkdir(struct sftp_call *c)
{
	const struct sftp_attrs attrs = {
		.has_mode = true, .mode = c->mode < 0 ? 0755 : (uint32_t)c->mode
	};
	struct buf *body;

	if (c->flags & FILE_PARENTS)
		make_dirs(c, c->path);
	body = sftp_body(c->f->sftp, SFTP_MKDIR);
	sftp_put_text(body, c->path);
	sftp_put_attrs(body, &attrs);
	sftp_send(c->f->sftp, NULL, 0, on_dir_made, c);
}

static void
on_rename_first(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!is_status(reply, SFTP_FAILURE) || c->in_one_step) {
		on_done(reply, why, c);
		return;
	}
	/* The first request of all is made before the server said what it can.
	 */
	if (sftp_extensions(c->f->sftp) & SFTP_POSIX_RENAME) {
		ask_rename(c, c->path, c->to, on_done);
		return;
	}
	sftp_put_text(sftp_body(c->f->sftp, SFTP_REMOVE), c->to);
	sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
	ask_rename(c, c->path, c->to, on_done);
}

static void
on_rename_there(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;
	struct buf *body;

	if (reply && reply->type == SFTP_ATTRS) {
		end_set(c, ERR_CONFLICT, "%.100s exists already", c->to);
		return;
	}
	if (!is_status(reply, SFTP_NO_SUCH_FILE)) {
		end_with(c, reply, why);
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
		ask_path(c, SFTP_LSTAT, c->to, on_rename_there);
	else
		ask_rename(c, c->path, c->to, on_rename_first);
}

static void
on_link_renamed(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!is_ok(c, reply, why))
		return;
	free(c->tmp);
	c->tmp = NULL;
	end(c, NULL);
}

static void
on_linked(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!is_ok(c, reply, why))
		return;
	if (!(sftp_extensions(c->f->sftp) & SFTP_POSIX_RENAME)) {
		sftp_put_text(sftp_body(c->f->sftp, SFTP_REMOVE), c->path);
		sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
	}
	ask_rename(c, c->tmp, c->path, on_link_renamed);
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
		end_with(c, reply, why);
	else if (type_of(&reply->attrs) == FILE_SYMLINK)
		end_set(c, ERR_INVALID, "a link has no mode");
	else
		ask_set(c, on_done);
}

/* Looked at first: the request itself would follow a link. */
static void
start_set(struct sftp_call *c)
{
	ask_path(c, SFTP_LSTAT, c->path, on_set_stat);
}

/*
 * Copying: read and write again, since the protocol has no word for it.
 */

static void
copy_failed(struct sftp_call *c, const struct err *err)
{
	struct err copy = *err;

	end(c, &copy);
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
		end(c, NULL);
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
		uv_timer_start(&c->later, on_later, 0, 0);
}

/*
 * The interface
 */

typedef void start_fn(struct sftp_call *c);

static start_fn *const starts[] = {
	[FILE_READ] = start_read,     [FILE_WRITE] = start_write,
	[FILE_LIST] = start_list,     [FILE_STAT] = start_stat,
	[FILE_MKDIR] = start_mkdir,   [FILE_REMOVE] = start_remove,
	[FILE_RENAME] = start_rename, [FILE_COPY] = start_copy,
	[FILE_LINK] = start_link,     [FILE_SET] = start_set,
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
	of(call)->is_paused = true;
}

static void
sftp_resume(struct file_call *call)
{
	struct sftp_call *c = of(call);

	if (!c->is_paused)
		return;
	c->is_paused = false;
	/* Before it is open the answer to that goes on. */
	if (c->handle.is_open)
		uv_timer_start(&c->later, on_later, 0, 0);
}

static void
sftp_cancel(struct file_call *call)
{
	call_free(of(call));
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
	.write = sftp_write,
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
