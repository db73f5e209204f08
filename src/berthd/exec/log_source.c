/* SPDX-License-Identifier: ISC */

/*
 * What the readers of a log share; see log_source.h.
 *
 * The hub exists while there are readers, the watch while there are followers.
 * A watch is a thing of its own because libuv gives handles back late: it
 * outlives the hub by one turn of the loop, knowing that by its NULL.
 *
 * The timeline is watched through /proc/self/fd, as only the directory's
 * descriptor is known here.  inotify is one descriptor for the whole loop and
 * needs no thread.
 */

#include <stdio.h>
#include <uv.h>

#include "core/log.h"
#include "core/mem.h"
#include "berthd/exec/log_files.h"
#include "berthd/exec/log_source.h"

/* How often a timeline that cannot be watched is looked at. */
#define POLL_MS 200

struct watch {
	struct log_source *src; /* NULL: closing */
	uv_fs_event_t event;
	uv_timer_t poll;
	unsigned n_handles;
};

struct log_hub {
	struct uv_loop_s *loop;
	struct log_files files;
	struct list readers;
	size_t n_followers;
	struct watch *watch;
	bool is_waking;
};

static void
on_watch_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;

	if (--watch->n_handles == 0)
		free(watch);
}

static void
stop_watch(struct log_hub *hub)
{
	struct watch *watch = TAKE(hub->watch);

	if (watch == NULL)
		return;
	watch->src = NULL;
	uv_close((uv_handle_t *)&watch->event, on_watch_closed);
	uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static void
cut_all(struct log_source *src)
{
	struct log_reader *reader;
	struct list cut;

	list_move(&cut, &src->hub->readers);
	while (!list_is_empty(&cut)) {
		reader = list_entry(cut.next, struct log_reader, link);
		list_unlink(&reader->link);
		list_append(&src->hub->readers, &reader->link);
		reader->cut(reader);
	}
}

static void
wake_all(struct log_source *src)
{
	struct log_hub *hub = src->hub;
	struct log_reader *reader;
	struct list woken;

	/* A reader that waits again, or ends, does not disturb the walk. */
	hub->is_waking = true;
	list_move(&woken, &hub->readers);
	while (!list_is_empty(&woken)) {
		reader = list_entry(woken.next, struct log_reader, link);
		list_unlink(&reader->link);
		list_append(&hub->readers, &reader->link);
		if (reader->is_waiting) {
			reader->is_waiting = false;
			reader->wake(reader);
		}
	}
	hub->is_waking = false;
	log_files_trim(&hub->files);
}

/* Look at the files again; who waits may go on. */
static void
look(struct log_source *src)
{
	struct err err = ERR_INIT;

	if (log_files_refresh(&src->hub->files, src->is_ended, &err) == 0) {
		wake_all(src);
		return;
	}
	log_warn("log", "cannot be read", KV_STR("exec", src->exec_id),
		 KV_ERR(&err));
	cut_all(src);
}

static void
on_event(uv_fs_event_t *event, const char *name UNUSED, int events UNUSED,
	 int status UNUSED)
{
	struct watch *watch = event->data;

	if (watch->src)
		look(watch->src);
}

static void on_poll(uv_timer_t *timer);

/* Watch the timeline, or have a look at it now and then. */
static void
arm(struct watch *watch)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/timeline",
		 watch->src->dir_fd);
	if (uv_fs_event_start(&watch->event, on_event, path, 0) < 0)
		uv_timer_start(&watch->poll, on_poll, POLL_MS, 0);
}

static void
on_poll(uv_timer_t *timer)
{
	struct watch *watch = timer->data;

	if (watch->src == NULL)
		return;
	arm(watch);
	look(watch->src);
}

static void
start_watch(struct log_source *src)
{
	struct watch *watch = xcalloc(1, sizeof(*watch));

	watch->src = src;
	uv_fs_event_init(src->hub->loop, &watch->event);
	uv_timer_init(src->hub->loop, &watch->poll);
	watch->event.data = watch;
	watch->poll.data = watch;
	watch->n_handles = 2;
	src->hub->watch = watch;
	arm(watch);
}

void
log_source_changed(struct log_source *src)
{
	if (src->hub)
		look(src);
}

static void
close_hub(struct log_source *src)
{
	struct log_hub *hub = TAKE(src->hub);

	stop_watch(hub);
	log_files_fini(&hub->files);
	free(hub);
}

void
log_source_fini(struct log_source *src)
{
	struct log_reader *reader;

	if (src->hub == NULL)
		return;
	cut_all(src);
	list_for_each (reader, &src->hub->readers, link) {
		list_unlink(&reader->link);
		reader->src = NULL;
	}
	close_hub(src);
}

int
log_source_join(struct log_source *src, struct log_reader *reader,
		struct uv_loop_s *loop, struct err *err)
{
	struct log_hub *hub = src->hub;

	if (hub == NULL) {
		hub = src->hub = xcalloc(1, sizeof(*hub));
		hub->loop = loop;
		list_init(&hub->readers);
		log_files_init(&hub->files, src->dir_fd);
	}
	reader->src = src;
	list_append(&hub->readers, &reader->link);
	hub->n_followers += reader->is_follower;

	/* The watch comes before the look: nothing falls in between. */
	if (reader->is_follower && hub->watch == NULL && !src->is_ended)
		start_watch(src);
	return log_files_refresh(&hub->files, src->is_ended, err);
}

void
log_source_leave(struct log_reader *reader)
{
	struct log_source *src = reader->src;

	if (src == NULL)
		return;
	list_unlink(&reader->link);
	reader->src = NULL;
	src->hub->n_followers -= reader->is_follower;
	if (src->hub->n_followers == 0)
		stop_watch(src->hub);
	if (!list_is_empty(&src->hub->readers))
		return;
	close_hub(src);
	if (src->on_idle)
		src->on_idle(src->exec);
}

struct log_files *
log_source_files(const struct log_reader *reader)
{
	return &reader->src->hub->files;
}

void
log_source_rest(const struct log_reader *reader)
{
	struct log_hub *hub = reader->src ? reader->src->hub : NULL;

	if (hub && !hub->is_waking)
		log_files_trim(&hub->files);
}
