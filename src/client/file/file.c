/* SPDX-License-Identifier: ISC */

/* What all implementations share; see file.h. */

#include <stdlib.h>
#include <sys/stat.h>

#include <uv.h>

#include "core/macros.h"
#include "core/mem.h"
#include "client/file/file.h"

enum file_type
file_type_of(uint64_t mode)
{
	return S_ISREG(mode)   ? FILE_REGULAR
	       : S_ISDIR(mode) ? FILE_DIR
	       : S_ISLNK(mode) ? FILE_SYMLINK
			       : FILE_OTHER;
}

struct file_call *
file_start(struct files *files, const struct file_request *request,
	   const struct file_events *events, void *owner, struct err *err)
{
	if ((request->op == FILE_PACK || request->op == FILE_UNPACK) &&
	    !files->ops->has_bulk) {
		err_set(err, ERR_UNSUPPORTED, "%s has no archives",
			files->ops->name);
		return NULL;
	}
	return files->ops->start(files, request, events, owner, err);
}

bool
file_write(struct file_call *call, const void *bytes, size_t n)
{
	return call->files->ops->write(call, bytes, n);
}

void
file_write_end(struct file_call *call)
{
	call->files->ops->write_end(call);
}

void
file_pause(struct file_call *call)
{
	call->files->ops->pause(call);
}

void
file_resume(struct file_call *call)
{
	call->files->ops->resume(call);
}

void
file_cancel(struct file_call *call)
{
	call->files->ops->cancel(call);
}

void
files_free(struct files *files)
{
	if (files)
		files->ops->free(files);
}

/* One call that is waited for. */
struct wait {
	const struct file_events *events;
	void *owner;
	bool is_over, failed;
	struct err err;
};

static void
on_wait_entry(struct file_call *call, const struct file_info *info, void *owner)
{
	struct wait *wait = owner;

	if (wait->events && wait->events->on_entry)
		wait->events->on_entry(call, info, wait->owner);
}

static void
on_wait_closed(struct file_call *call, const char *name, void *owner)
{
	struct wait *wait = owner;

	if (wait->events && wait->events->on_closed)
		wait->events->on_closed(call, name, wait->owner);
}

static void
on_wait_refused(struct file_call *call, const char *name, const char *why,
		void *owner)
{
	struct wait *wait = owner;

	if (wait->events && wait->events->on_refused)
		wait->events->on_refused(call, name, why, wait->owner);
}

static void
on_wait_data(struct file_call *call, const void *bytes, size_t n, void *owner)
{
	struct wait *wait = owner;

	if (wait->events && wait->events->on_data)
		wait->events->on_data(call, bytes, n, wait->owner);
}

static void
on_wait_ready(struct file_call *call, uint64_t offset, void *owner)
{
	struct wait *wait = owner;

	if (wait->events && wait->events->on_ready)
		wait->events->on_ready(call, offset, wait->owner);
	else
		file_write_end(call);
}

static void
on_wait_drain(struct file_call *call, void *owner)
{
	struct wait *wait = owner;

	if (wait->events && wait->events->on_drain)
		wait->events->on_drain(call, wait->owner);
}

static void
on_wait_end(struct file_call *call UNUSED, const struct err *err, void *owner)
{
	struct wait *wait = owner;

	wait->is_over = true;
	wait->failed = err != NULL;
	if (err)
		wait->err = *err;
	uv_stop(call->files->loop);
}

int
file_do(struct files *files, const struct file_request *request,
	const struct file_events *events, void *owner, struct err *err)
{
	static const struct file_events mine = {
		.on_entry = on_wait_entry,
		.on_closed = on_wait_closed,
		.on_refused = on_wait_refused,
		.on_data = on_wait_data,
		.on_ready = on_wait_ready,
		.on_drain = on_wait_drain,
		.on_end = on_wait_end,
	};
	struct wait wait = { .events = events, .owner = owner };

	if (file_start(files, request, &mine, &wait, err) == NULL)
		return -1;
	while (!wait.is_over)
		uv_run(files->loop, UV_RUN_ONCE);
	if (!wait.failed)
		return 0;
	*err = wait.err;
	return -1;
}

static void
on_stat_entry(struct file_call *call UNUSED, const struct file_info *info,
	      void *owner)
{
	struct file_stat *stat = owner;

	file_stat_fini(stat);
	stat->info = *info;
	stat->etag = info->etag ? xstrdup(info->etag) : NULL;
	stat->target = info->target ? xstrdup(info->target) : NULL;
	stat->info.name = stat->info.sha1 = NULL;
	stat->info.etag = stat->etag;
	stat->info.target = stat->target;
}

int
file_stat(struct files *files, const char *path, unsigned flags,
	  struct file_stat *ret, struct err *err)
{
	static const struct file_events events = { .on_entry = on_stat_entry };
	const struct file_request request = FILE_REQUEST(FILE_STAT, path,
							 .flags = flags);

	return file_do(files, &request, &events, ret, err);
}

void
file_stat_fini(struct file_stat *stat)
{
	free(stat->etag);
	free(stat->target);
	*stat = (struct file_stat)FILE_STAT_INIT;
}
