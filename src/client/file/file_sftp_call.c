/* SPDX-License-Identifier: ISC */

/*
 * What calls over SFTP share: requests, what is told about a file, and the end
 * of a call; see file_sftp_own.h.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/macros.h"
#include "core/mem.h"
#include "core/path.h"
#include "core/strv.h"
#include "core/text.h"
#include "client/file/file_sftp_own.h"

#define NS_PER_S 1000000000ll

/* With less than this a disk is full: a write is all or nothing. */
#define LITTLE_ROOM (256u << 10)

/*
 * The end of a call
 */

void
sftp_job_free(struct job *job)
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
	free(c->probing);
	free(c->tmp);
	for (size_t i = 0; i < SLOTS; i++)
		free(c->slots[i].bytes);
	strv_free(c->dirs);
	tree_fini(&c->tree);
	free(c);
}

void
sftp_close_handle(struct sftp_call *c, struct handle *handle)
{
	struct buf *body;

	if (!handle->is_open || sftp_broken(c->f->sftp))
		return;
	handle->is_open = false;
	body = sftp_body(c->f->sftp, SFTP_CLOSE);
	sftp_put_bytes(body, handle->bytes, handle->n);
	sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
}

void
sftp_call_free(struct sftp_call *c)
{
	struct job *job;

	sftp_forget(c->f->sftp, c);
	for (size_t i = 0; i < c->n_slots; i++)
		sftp_forget(c->f->sftp, &c->slots[(c->head + i) % SLOTS]);
	list_for_each (job, &c->jobs, link) {
		sftp_close_handle(c, &job->handle);
		sftp_job_free(job);
	}
	sftp_close_handle(c, &c->handle);
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

bool
sftp_is_status(const struct sftp_reply *reply, uint32_t status)
{
	return reply && reply->type == SFTP_STATUS && reply->status == status;
}

static void
end_now(struct sftp_call *c, const struct err *err)
{
	c->base.events->on_end(&c->base, err, c->base.owner);
	sftp_call_free(c);
}

static void
on_clean(struct sftp_reply *reply UNUSED, const struct err *why UNUSED,
	 void *owner)
{
	struct sftp_call *c = owner;

	free(c->tmp);
	c->tmp = NULL;
	end_now(c, &c->err);
}

/* Nothing but the end comes from here on. */
static void
delay_end(struct sftp_call *c, const struct err *err)
{
	if (err != &c->err)
		c->err = *err;
	c->is_ending = true;
	sftp_forget(c->f->sftp, c);
}

/*
 * A temporary file that is kept is cut back to what is there without a gap: of
 * the writes behind the one that failed some may have gone well.  Where answers
 * come in any order nobody knows what that is.
 */
static void
clean_up(struct sftp_call *c)
{
	/* The last piece counted as a whole one. */
	const struct sftp_attrs attrs = { .has_size = true,
					  .size = MIN(c->sure, c->written) };
	struct buf *body;

	if (c->keeps_tmp && c->handle.is_open &&
	    (sftp_extensions(c->f->sftp) & SFTP_POSIX_RENAME)) {
		body = sftp_body(c->f->sftp, SFTP_FSETSTAT);
		sftp_put_bytes(body, c->handle.bytes, c->handle.n);
		sftp_put_attrs(body, &attrs);
		sftp_send(c->f->sftp, NULL, 0, on_clean, c);
		return;
	}
	sftp_close_handle(c, &c->handle);
	sftp_ask_path(c, SFTP_REMOVE, c->tmp, on_clean);
}

void
sftp_end(struct sftp_call *c, const struct err *err)
{
	if (err == NULL || c->tmp == NULL || sftp_broken(c->f->sftp)) {
		end_now(c, err);
		return;
	}
	delay_end(c, err);
	clean_up(c);
}

/* Of the file system: f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, ... */
static bool
is_full(const struct sftp_reply *reply)
{
	uint64_t numbers[5];
	const uint8_t *at = reply->bytes;

	if (reply->type != SFTP_EXTENDED_REPLY || reply->n < sizeof(numbers))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		numbers[i] = 0;
		for (size_t n = 0; n < sizeof(numbers[i]); n++)
			numbers[i] = numbers[i] << 8 | *at++;
	}
	return numbers[1] > 0 && numbers[4] < LITTLE_ROOM / numbers[1] + 1;
}

static void
on_room(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why == NULL && is_full(reply))
		err_set(&c->err, ERR_LIMIT, "%.200s: No space left on device",
			c->path);
	sftp_end(c, &c->err);
}

/* A full disk is a failure like any other, in SFTP's words. */
static bool
ask_room(struct sftp_call *c, const struct err *err)
{
	const char *to = c->to ? c->to : c->path;
	AUTO_FREE char *dir = path_join(to[0] == '/' ? "/" : ".",
					to[0] == '/' ? to + 1 : to);
	char *slash = strrchr(dir, '/');
	struct buf *body;

	if (c->is_ending || !(sftp_extensions(c->f->sftp) & SFTP_STATVFS) ||
	    (c->op != FILE_WRITE && c->op != FILE_MKDIR && c->op != FILE_LINK))
		return false;
	slash[slash == dir] = '\0';
	delay_end(c, err);
	body = sftp_body(c->f->sftp, SFTP_EXTENDED);
	sftp_put_text(body, "statvfs@openssh.com");
	sftp_put_text(body, dir);
	sftp_send(c->f->sftp, NULL, 0, on_room, c);
	return true;
}

void
sftp_end_with(struct sftp_call *c, const struct sftp_reply *reply,
	      const struct err *why)
{
	struct err err = ERR_INIT;

	if (why)
		err = *why;
	else
		sftp_status_err(reply, c->path, &err);
	if (sftp_is_status(reply, SFTP_FAILURE) && ask_room(c, &err))
		return;
	sftp_end(c, &err);
}

void
sftp_end_set(struct sftp_call *c, enum err_code code, const char *fmt, ...)
{
	struct err err = ERR_INIT;
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(&err, code, "%.200s: %s", c->path, text);
	sftp_end(c, &err);
}

bool
sftp_is_ok(struct sftp_call *c, const struct sftp_reply *reply,
	   const struct err *why)
{
	if (sftp_is_status(reply, SFTP_OK))
		return true;
	sftp_end_with(c, reply, why);
	return false;
}

static void
on_later(uv_timer_t *timer)
{
	struct sftp_call *c = container_of(timer, struct sftp_call, later);

	if (c->is_ending)
		return;
	if (c->err.code != ERR_NONE)
		sftp_end(c, &c->err);
	else if (c->op == FILE_WRITE)
		sftp_write_finish(c);
	else if (c->op == FILE_READ)
		sftp_read_more(c);
}

void
sftp_later(struct sftp_call *c)
{
	uv_timer_start(&c->later, on_later, 0, 0);
}

/*
 * Requests
 */

void
sftp_ask_path(struct sftp_call *c, enum sftp_type type, const char *path,
	      sftp_reply_fn *fn)
{
	sftp_put_text(sftp_body(c->f->sftp, type), path);
	sftp_send(c->f->sftp, NULL, 0, fn, c);
}

void
sftp_ask_handle(struct sftp_call *c, enum sftp_type type,
		const struct handle *handle, sftp_reply_fn *fn, void *owner)
{
	struct buf *body = sftp_body(c->f->sftp, type);

	sftp_put_bytes(body, handle->bytes, handle->n);
	sftp_send(c->f->sftp, NULL, 0, fn, owner);
}

void
sftp_ask_open(struct sftp_call *c, const char *path, uint32_t flags,
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

void
sftp_ask_rename(struct sftp_call *c, const char *from, const char *to,
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

bool
sftp_take_handle(struct handle *handle, const struct sftp_reply *reply)
{
	if (reply == NULL || reply->type != SFTP_HANDLE)
		return false;
	memcpy(handle->bytes, reply->bytes, reply->n);
	handle->n = reply->n;
	handle->is_open = true;
	return true;
}

struct sftp_attrs
sftp_attrs_to_set(const struct sftp_call *c)
{
	struct sftp_attrs attrs = { .has_mode = c->mode >= 0,
				    .mode = (uint32_t)c->mode & 0777,
				    .has_times = c->mtime_ns != FILE_NOW };

	/* The protocol knows none before 1970. */
	attrs.mtime = (uint32_t)(MAX(c->mtime_ns, 0) / NS_PER_S);
	attrs.atime = attrs.mtime;
	return attrs;
}

void
sftp_make_dirs(struct sftp_call *c, const char *path)
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

/*
 * What is told about a file
 */

enum file_type
sftp_type_of(const struct sftp_attrs *a)
{
	return a->has_mode ? file_type_of(a->mode) : FILE_OTHER;
}

const char *
sftp_etag_of(char out[48], const struct sftp_attrs *a)
{
	snprintf(out, 48, "\"%" PRIx64 "-%" PRIx32 "\"", a->size, a->mtime);
	return out;
}

struct file_info
sftp_info_of(const struct sftp_attrs *a, const char *name)
{
	return (struct file_info){
		.name = name,
		.type = sftp_type_of(a),
		.mode = a->has_mode ? (int)a->mode & 07777 : -1,
		.size = a->has_size ? a->size : 0,
		.mtime_ns = a->has_times ? a->mtime * NS_PER_S : 0,
		.uid = a->has_owner ? (int64_t)a->uid : -1,
		.gid = a->has_owner ? (int64_t)a->gid : -1,
	};
}

void
sftp_give_attrs(struct sftp_call *c, const struct sftp_attrs *a,
		const char *name, const char *target)
{
	struct file_info info = sftp_info_of(a, name);
	char etag[48];

	info.etag = sftp_etag_of(etag, a);
	info.target = target;
	if (c->base.events->on_entry)
		c->base.events->on_entry(&c->base, &info, c->base.owner);
}

char *
sftp_one_name(struct sftp_reply *reply)
{
	struct sftp_name name;
	struct err err = ERR_INIT;

	if (reply == NULL || reply->type != SFTP_NAME ||
	    sftp_names_next(reply, &name, &err) <= 0 ||
	    memchr(name.name, '\0', name.n_name))
		return NULL;
	return xstrndup(name.name, name.n_name);
}
