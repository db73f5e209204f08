/* SPDX-License-Identifier: ISC */

/*
 * Files written over SFTP; see file_sftp_own.h.
 *
 * A file is written under a temporary name and renamed at the end, with the
 * extension that replaces in one step where the server has it.
 */

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/mem.h"
#include "core/path.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "client/file/file_sftp_own.h"
#include "client/file/leftover.h"

static void open_tmp(struct sftp_call *c);

static void
on_write_told(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || reply->type != SFTP_ATTRS) {
		sftp_end_with(c, reply, why);
		return;
	}
	sftp_give_attrs(c, &reply->attrs, c->path, NULL);
	sftp_end(c, NULL);
}

static void
on_write_renamed(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!sftp_is_ok(c, reply, why))
		return;
	free(c->tmp);
	c->tmp = NULL;
	sftp_ask_path(c, SFTP_LSTAT, c->to, on_write_told);
}

/* Servers without the extension do not replace. */
static void
on_write_first_rename(struct sftp_reply *reply, const struct err *why,
		      void *owner)
{
	struct sftp_call *c = owner;

	if (!sftp_is_status(reply, SFTP_FAILURE) || !c->was_there ||
	    (sftp_extensions(c->f->sftp) & SFTP_POSIX_RENAME)) {
		on_write_renamed(reply, why, c);
		return;
	}
	sftp_put_text(sftp_body(c->f->sftp, SFTP_REMOVE), c->to);
	sftp_send(c->f->sftp, NULL, 0, NULL, NULL);
	sftp_ask_rename(c, c->tmp, c->to, on_write_renamed);
}

/* What the conditions say about what is there; true: go on. */
static bool
conditions_hold(struct sftp_call *c)
{
	char etag[48];

	if ((c->flags & FILE_NEW) && c->was_there)
		sftp_end_set(c, ERR_CONFLICT, "exists already");
	else if (c->if_match && !c->was_there)
		sftp_end_set(c, ERR_CONFLICT, "is gone");
	else if (c->if_match && !str_eq(c->if_match, "*") &&
		 !str_eq(c->if_match, sftp_etag_of(etag, &c->there)))
		sftp_end_set(c, ERR_CONFLICT, "was changed by somebody else");
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
	if (c->was_there || sftp_is_status(reply, SFTP_NO_SUCH_FILE))
		return true;
	sftp_end_with(c, reply, why);
	return false;
}

/* The plain rename does not replace: whoever comes second is told. */
static void
on_write_new(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (sftp_is_status(reply, SFTP_FAILURE))
		sftp_end_set(c, ERR_CONFLICT, "exists already");
	else
		on_write_renamed(reply, why, c);
}

static void
ask_new(struct sftp_call *c)
{
	struct buf *body = sftp_body(c->f->sftp, SFTP_RENAME);

	sftp_put_text(body, c->tmp);
	sftp_put_text(body, c->to);
	sftp_send(c->f->sftp, NULL, 0, on_write_new, c);
}

static void
on_write_checked(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!take_there(c, reply, why) || !conditions_hold(c))
		return;
	if (c->flags & FILE_NEW)
		ask_new(c);
	else
		sftp_ask_rename(c, c->tmp, c->to, on_write_first_rename);
}

static void
on_write_closed(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (sftp_is_ok(c, reply, why))
		sftp_ask_path(c, SFTP_LSTAT, c->to, on_write_checked);
}

static void
on_write_set(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (!sftp_is_ok(c, reply, why))
		return;
	c->handle.is_open = false;
	sftp_ask_handle(c, SFTP_CLOSE, &c->handle, on_write_closed, c);
}

void
sftp_write_finish(struct sftp_call *c)
{
	struct sftp_attrs attrs;
	struct buf *body;

	if (c->size != UINT64_MAX && c->written != c->size) {
		c->keeps_tmp = false;
		sftp_end_set(c, ERR_INVALID,
			     "%" PRIu64 " bytes came, not %" PRIu64, c->written,
			     c->size);
		return;
	}
	if (c->mode < 0)
		c->mode = c->was_there &&
				  sftp_type_of(&c->there) == FILE_REGULAR
			      ? (int)c->there.mode & 0777
			      : 0644;
	attrs = sftp_attrs_to_set(c);
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

	if (!sftp_is_ok(c, reply, why))
		return;
	c->outstanding -= n;
	c->f->out -= n;
	c->sure += n;
	if (c->outstanding == 0 && c->is_ended) {
		sftp_write_finish(c);
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
		sftp_end(c, why);
		return;
	}
	if (reply->type == SFTP_ATTRS && reply->attrs.has_size)
		c->written = MIN(reply->attrs.size, c->size);
	/* Who answers in any order may have left gaps near the end. */
	if (!(sftp_extensions(c->f->sftp) & SFTP_POSIX_RENAME))
		c->written -= MIN(c->written, (uint64_t)WINDOW);
	c->sure = c->written;
	c->base.events->on_ready(&c->base, c->written, c->base.owner);
}

static void
on_tmp_open(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (sftp_is_status(reply, SFTP_NO_SUCH_FILE) &&
	    (c->flags & FILE_PARENTS) && !c->has_made_dirs) {
		open_tmp(c);
		return;
	}
	if (why || !sftp_take_handle(&c->handle, reply)) {
		free(c->tmp);
		c->tmp = NULL;
		sftp_end_with(c, reply, why);
		return;
	}
	if (c->key)
		sftp_ask_handle(c, SFTP_FSTAT, &c->handle, on_resume_size, c);
	else
		c->base.events->on_ready(&c->base, 0, c->base.owner);
}

static void
ask_tmp(struct sftp_call *c, uint32_t flags, sftp_reply_fn *fn)
{
	sftp_ask_open(c, c->tmp, SFTP_OPEN_WRITE | flags, fn);
}

/* A temporary name beside the file. */
static void
name_tmp(struct sftp_call *c)
{
	const char *base = path_base(c->to);
	char name[LEFTOVER_NAME_SIZE];

	if (c->key)
		newfile_key_name(name, c->key);
	else
		leftover_name(name);
	free(c->tmp);
	c->tmp = xasprintf("%.*s%s", (int)(base - c->to), c->to, name);
	c->keeps_tmp = c->key;
}

/* What is there under the key is none of ours: begin anew, without it. */
static void
drop_key(struct sftp_call *c)
{
	free(TAKE(c->key));
	name_tmp(c);
}

/* We have made a file, so we know whose files are ours. */
static void
on_probe_told(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why) {
		sftp_end(c, why);
		return;
	}
	c->f->knows_uid = reply->type == SFTP_ATTRS && reply->attrs.has_owner;
	c->f->uid = reply->attrs.uid;
	if (!c->f->knows_uid || c->f->uid != c->part_uid) {
		c->base.events->on_ready(&c->base, 0, c->base.owner);
		return;
	}
	sftp_close_handle(c, &c->handle);
	sftp_ask_path(c, SFTP_REMOVE, c->tmp, NULL);
	c->key = TAKE(c->probing);
	name_tmp(c);
	ask_tmp(c, 0, on_tmp_open);
}

static void
on_probe_open(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why || !sftp_take_handle(&c->handle, reply)) {
		free(TAKE(c->tmp));
		sftp_end_with(c, reply, why);
		return;
	}
	sftp_ask_handle(c, SFTP_FSTAT, &c->handle, on_probe_told, c);
}

/*
 * Is it a file, and ours?  In a directory in which others may write they could
 * have put one there, or a link to another.
 */
static void
on_part_there(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;

	if (why) {
		sftp_end(c, why);
		return;
	}
	if (reply->type != SFTP_ATTRS) {
		ask_tmp(c, SFTP_OPEN_CREAT | SFTP_OPEN_EXCL, on_tmp_open);
		return;
	}
	c->part_uid = reply->attrs.uid;
	if (sftp_type_of(&reply->attrs) != FILE_REGULAR ||
	    !reply->attrs.has_owner ||
	    (c->f->knows_uid && c->f->uid != c->part_uid)) {
		drop_key(c);
		ask_tmp(c, SFTP_OPEN_CREAT | SFTP_OPEN_EXCL, on_tmp_open);
	} else if (c->f->knows_uid) {
		ask_tmp(c, 0, on_tmp_open);
	} else {
		c->probing = xstrdup(c->key);
		drop_key(c);
		ask_tmp(c, SFTP_OPEN_CREAT | SFTP_OPEN_EXCL, on_probe_open);
	}
}

/* The second time, after the directories were made. */
static void
open_tmp(struct sftp_call *c)
{
	if (c->tmp && !c->has_made_dirs) {
		sftp_make_dirs(c, c->to);
		c->has_made_dirs = true;
	} else {
		name_tmp(c);
	}
	if (c->key)
		sftp_ask_path(c, SFTP_LSTAT, c->tmp, on_part_there);
	else
		ask_tmp(c, SFTP_OPEN_CREAT | SFTP_OPEN_EXCL, on_tmp_open);
}

static void
on_write_real(struct sftp_reply *reply, const struct err *why, void *owner)
{
	struct sftp_call *c = owner;
	char *real = sftp_one_name(reply);

	if (why) {
		sftp_end(c, why);
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
	if (c->was_there && sftp_type_of(&c->there) == FILE_SYMLINK)
		sftp_ask_path(c, SFTP_REALPATH, c->to, on_write_real);
	else if (c->was_there && sftp_type_of(&c->there) != FILE_REGULAR)
		sftp_end_set(c, ERR_INVALID, "is not a file");
	else
		open_tmp(c);
}

void
sftp_start_write(struct sftp_call *c)
{
	c->to = xstrdup(c->path);
	sftp_ask_path(c, SFTP_LSTAT, c->to, on_write_there);
}

bool
sftp_write_more(struct file_call *call, const void *bytes, size_t n)
{
	struct sftp_call *c = sftp_call_of(call);
	size_t chunk = sftp_chunk(c->f->sftp);
	const uint8_t *p = bytes;

	if (c->op != FILE_WRITE || !c->handle.is_open || c->is_ending)
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

void
sftp_write_end(struct file_call *call)
{
	struct sftp_call *c = sftp_call_of(call);

	c->is_ended = true;
	if (c->outstanding == 0 && !c->is_ending)
		sftp_later(c);
}
