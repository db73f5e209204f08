/* SPDX-License-Identifier: ISC */

/*
 * The log of events; see events.h.
 *
 * Rotation: several links may find the file too long at once.  Whoever locks
 * it, and finds that the name still means it, renames it; the others open what
 * the name means then.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/mem.h"
#include "wire/errors.h"
#include "link/events.h"

#define MAX_RECENT 200

struct line {
	struct list link;
	size_t n;
	char text[];
};

static int
open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void
events_init(struct events *events, const char *path, const char *machine,
	    uint64_t max_size)
{
	*events = (struct events){ .path = xstrdup(path),
				   .machine = xstrdup(machine),
				   .max_size = max_size,
				   .fd = open_file(path) };
	list_init(&events->followers);
	list_init(&events->recent);
}

static void
drop_oldest(struct events *events)
{
	struct line *line = list_entry(events->recent.next, struct line, link);

	list_unlink(&line->link);
	free(line);
	events->n_recent--;
}

void
events_fini(struct events *events)
{
	while (events->n_recent > 0)
		drop_oldest(events);
	if (events->fd >= 0)
		close(events->fd);
	free(events->path);
	free(events->machine);
	*events = (struct events){ .fd = -1 };
	list_init(&events->followers);
	list_init(&events->recent);
}

/* Does the name still mean the file that we write to? */
static bool
is_current(const struct events *events, struct stat *ret)
{
	struct stat named;

	return fstat(events->fd, ret) == 0 && stat(events->path, &named) == 0 &&
	       named.st_ino == ret->st_ino && named.st_dev == ret->st_dev;
}

static void
reopen(struct events *events)
{
	if (events->fd >= 0)
		close(events->fd);
	events->fd = open_file(events->path);
}

static void
rotate(struct events *events)
{
	AUTO_FREE char *old = xasprintf("%s.1", events->path);
	struct stat st;

	if (!is_current(events, &st)) {
		reopen(events);
		return;
	}
	if ((uint64_t)st.st_size < events->max_size ||
	    flock(events->fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (is_current(events, &st))
		(void)rename(events->path, old);
	reopen(events);
}

static void
remember(struct events *events, const struct buf *text)
{
	struct line *line = xmalloc(sizeof(*line) + text->len);

	line->n = text->len;
	memcpy(line->text, buf_bytes(text), text->len);
	list_append(&events->recent, &line->link);
	if (++events->n_recent > MAX_RECENT)
		drop_oldest(events);
}

static void
encode(const struct events *events, const struct event *event, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_time(&w, "time", clock_wall_ns());
	jsonw_str(&w, "machine", events->machine);
	jsonw_int(&w, "pid", getpid());
	jsonw_str(&w, "type", event->type);
	if (event->stage)
		jsonw_str(&w, "stage", event->stage);
	if (event->attempt)
		jsonw_int(&w, "attempt", event->attempt);
	if (event->ms)
		jsonw_u64(&w, "ms", event->ms);
	if (event->err)
		jsonw_str(&w, "code", error_row(event->err->code)->word);
	if (event->err || event->text)
		jsonw_str(&w, "message",
			  event->err ? event->err->msg : event->text);
	jsonw_object_end(&w);
	(void)buf_addc(out, '\n');
}

void
events_write(struct events *events, const struct event *event)
{
	AUTO_BUF line = BUF_INIT(EVENTS_MAX_LINE);
	struct events_follower *follower;

	encode(events, event, &line);
	remember(events, &line);
	rotate(events);
	/* One write, so that lines of other links do not come in between. */
	if (events->fd >= 0)
		(void)!write(events->fd, buf_bytes(&line), line.len);
	list_for_each (follower, &events->followers, link)
		follower->on_line(buf_text(&line), line.len, follower->owner);
	if (event->err)
		log_info("link", event->type,
			 KV_STR("machine", events->machine),
			 KV_STR("stage", event->stage), KV_ERR(event->err));
	else
		log_info("link", event->type,
			 KV_STR("machine", events->machine),
			 KV_STR("stage", event->stage));
}

void
events_follow(struct events *events, struct events_follower *follower)
{
	list_append(&events->followers, &follower->link);
}

void
events_recent(const struct events *events,
	      void (*on_line)(const char *line, size_t n, void *owner),
	      void *owner)
{
	struct list *at = events->recent.next;

	for (; at != &events->recent; at = at->next) {
		const struct line *line = list_entry(at, struct line, link);

		on_line(line->text, line->n, owner);
	}
}

void
events_unfollow(struct events_follower *follower)
{
	list_unlink(&follower->link);
}
