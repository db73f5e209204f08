/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_EVENTS_H
#define BERTH_LINK_EVENTS_H

/*
 * What happens to links, one line of JSON each, in one file for all of them:
 *
 *	{"time":"...","machine":"gpu3","pid":42,"type":"failure","stage":"auth",
 *	 "code":"AUTH_FAILED","message":"...","ms":812}
 *
 * A line is one write to a file that is only appended to, so links do not mix
 * theirs.  Beyond its size the file becomes `events.jsonl.1' and a new one
 * begins.  Those who follow a link get its lines as they are written.  Nothing
 * that a person typed is ever in it.
 */

#include <stdint.h>

#include "core/err.h"
#include "core/list.h"

#define EVENTS_MAX_LINE 4096

struct event {
	const char *type;  /* "attempt", "success", "failure" ... */
	const char *stage; /* NULL and 0 are not written */
	const char *text;
	const struct err *err;
	int64_t attempt;
	uint64_t ms;
};

struct events_follower {
	struct list link;
	void (*on_line)(const char *line, size_t n, void *owner);
	void *owner;
};

struct events {
	char *path;
	char *machine;
	uint64_t max_size;
	int fd;
	struct list followers;
	struct list recent; /* the last lines, for those who come later */
	size_t n_recent;
};

/* `path' in a directory that exists.  Without a file events go nowhere. */
void events_init(struct events *events, const char *path, const char *machine,
		 uint64_t max_size);
void events_fini(struct events *events);

void events_write(struct events *events, const struct event *event);

/* The lines to come, until events_unfollow; and those that came of late. */
void events_follow(struct events *events, struct events_follower *follower);
void events_recent(const struct events *events,
		   void (*on_line)(const char *line, size_t n, void *owner),
		   void *owner);
void events_unfollow(struct events_follower *follower);

#endif
