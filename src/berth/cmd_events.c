/* SPDX-License-Identifier: ISC */

/*
 * events; see cmd_events.h.
 *
 * The log is read as a file, so that it needs no link to be told.  Following,
 * the directory is watched: the file grows, or is replaced by a new one; what
 * was written to the old one before is read to its end first.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/strv.h"
#include "core/text.h"
#include "wire/link_places.h"
#include "client/lines.h"
#include "client/link_json.h"
#include "berth/cmd_events.h"
#include "berth/common.h"
#include "berth/out/human.h"
#include "berth/out/style.h"

#define USUAL_TAIL 50
#define MAX_OUT (16u << 20)
#define ROOM (64u << 10)

struct events_args {
	const char *machine;
	uint64_t tail;
	bool follow;
	struct output_args output;
};

struct reading {
	const struct events_args *args;
	bool is_json, colour;
	struct lines lines;
	char **kept; /* lines to print, while only the last are wanted */
	struct err *err;
};

static enum style
type_style(const char *type)
{
	if (str_eq(type, "success"))
		return STYLE_GREEN;
	if (str_eq(type, "failure") || str_eq(type, "disconnected"))
		return STYLE_RED;
	return str_eq(type, "disconnect") ? STYLE_YELLOW : STYLE_PLAIN;
}

static void
add_human(struct buf *out, const struct link_event *event, bool colour)
{
	enum style style = type_style(event->type);
	char time[HUMAN_SIZE];

	(void)buf_addf(out, "%s  %-12s %s%-12s%s",
		       human_time(time, event->time), event->machine,
		       style_begin(colour, style), event->type,
		       style_end(colour, style));
	if (event->stage)
		(void)buf_addf(out, " %s", event->stage);
	if (event->ms > 0)
		(void)buf_addf(out, " (%lld ms)", (long long)event->ms);
	if (event->message) {
		(void)buf_addc(out, ' ');
		(void)vis_add(out, event->message, strlen(event->message));
	}
	(void)buf_addc(out, '\n');
}

static int
print_line(const struct reading *r, const char *line)
{
	AUTO_LINK_EVENT event = { .time = NULL };
	AUTO_BUF out = BUF_INIT(MAX_OUT);
	struct err ignored = ERR_INIT;

	if (r->is_json)
		(void)buf_addf(&out, "%s\n", line);
	else if (link_event_decode(line, strlen(line), &event, &ignored) == 0)
		add_human(&out, &event, r->colour);
	return print_text(&out, r->err);
}

static bool
is_wanted(const struct reading *r, const char *line, size_t n)
{
	AUTO_LINK_EVENT event = { .time = NULL };
	struct err ignored = ERR_INIT;

	return link_event_decode(line, n, &event, &ignored) == 0 &&
	       (r->args->machine == NULL ||
		str_eq(event.machine, r->args->machine));
}

static int
keep_line(const char *line, size_t n, void *owner)
{
	struct reading *r = owner;

	if (is_wanted(r, line, n))
		strv_give(&r->kept, xstrndup(line, n));
	return 0;
}

static int
show_line(const char *line, size_t n, void *owner)
{
	struct reading *r = owner;
	AUTO_FREE char *text = xstrndup(line, n);

	return is_wanted(r, line, n) ? print_line(r, text) : 0;
}

/* What can be read now. */
static int
read_lines(struct reading *r, int fd)
{
	static uint8_t room[ROOM];
	ssize_t n;

	while ((n = read_full(fd, room, sizeof(room))) > 0) {
		if (lines_feed(&r->lines, room, (size_t)n, r->err) < 0)
			return -1;
	}
	return n < 0 ? err_sys(r->err, "read the events") : 0;
}

static int
show_kept(struct reading *r)
{
	size_t n = strv_len(r->kept);
	size_t first = n > r->args->tail ? n - (size_t)r->args->tail : 0;

	for (size_t i = first; i < n; i++) {
		if (print_line(r, r->kept[i]) < 0)
			return -1;
	}
	return 0;
}

/* The file that was replaced last, if there is one. */
static int
read_old(struct reading *r, const char *path)
{
	AUTO_FREE char *old = xasprintf("%s.1", path);
	AUTO_CLOSE int fd = open(old, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? 0 : read_lines(r, fd);
}

/* Does the name mean another file than the one we read? */
static bool
is_replaced(int fd, const char *path)
{
	struct stat ours, named;

	return stat(path, &named) == 0 &&
	       (fd < 0 || fstat(fd, &ours) < 0 || ours.st_ino != named.st_ino);
}

static int
follow(struct reading *r, const char *path, const char *dir, int *fd)
{
	AUTO_CLOSE int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd wait = { .fd = watch, .events = POLLIN };
	char told[4096];

	if (watch < 0 ||
	    inotify_add_watch(watch, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) <
		0)
		return err_sys(r->err, "watch %s", dir);
	for (;;) {
		if (*fd >= 0 && read_lines(r, *fd) < 0)
			return -1;
		if (is_replaced(*fd, path)) {
			if (*fd >= 0)
				close(*fd);
			*fd = open(path, O_RDONLY | O_CLOEXEC);
			continue;
		}
		(void)poll(&wait, 1, -1);
		(void)!read(watch, told, sizeof(told));
	}
}

static int
show_events(struct reading *r, const struct link_places *places)
{
	AUTO_CLOSE int fd = open(places->events, O_RDONLY | O_CLOEXEC);
	int rc;

	lines_init(&r->lines, keep_line, r);
	rc = read_old(r, places->events);
	if (rc == 0 && fd >= 0)
		rc = read_lines(r, fd);
	if (rc == 0)
		rc = show_kept(r);
	r->lines.on_line = show_line;
	if (rc == 0 && r->args->follow)
		rc = follow(r, places->events, places->state, &fd);
	lines_fini(&r->lines);
	return rc;
}

static int
run_events(const struct cli_call *call, struct err *err)
{
	const struct events_args *args = call->args;
	struct reading r = { .args = args,
			     .is_json = wants_json(call, &args->output),
			     .colour = style_wanted(STDOUT_FILENO),
			     .err = err };
	AUTO_LINK_PLACES places = LINK_PLACES_INIT;
	int rc;

	if (link_places_find(&places, "x", err) < 0 ||
	    fs_mkdir_private(places.state, err) < 0)
		return -1;
	rc = show_events(&r, &places);
	strv_free(r.kept);
	return rc;
}

static const struct cli_option events_options[] = {
	CLI_OPTION(struct events_args, machine, TEXT, "machine", 'm',
		   .arg = "NAME", .complete = "machine",
		   .help = "Only those of this machine"),
	CLI_OPTION(struct events_args, tail, NUMBER, "tail", 'n', .arg = "N",
		   .min = 0, .max = INT64_MAX, .shown = "50",
		   .help = "Only the last N"),
	CLI_OPTION(struct events_args, follow, FLAG, "follow", 'f',
		   .help = "Go on with those to come"),
	{ 0 },
};
static const struct cli_group events_group = { "Which", events_options };

const struct cli_command events_command = {
	.name = "events",
	.summary = "See what happened to the links to machines",
	.about = "Attempts, successes, failures, disconnects and questions, "
		 "with their time and machine. A line of JSON each unless "
		 "standard output is a terminal.",
	.groups =
	    (const struct cli_use[]){
		{ &events_group },
		{ &stream_group, offsetof(struct events_args, output) },
		{ 0 } },
	.args_size = sizeof(struct events_args),
	.defaults = &(const struct events_args){ .tail = USUAL_TAIL },
	.run = run_events,
};
