/* SPDX-License-Identifier: ISC */

/*
 * Files by a shell; see file_shell.h, and shell.sh for what is said.
 *
 * One request is under way at a time, `current'; the others wait in the queue.
 * Its answer comes in parts, each after a mark that nobody else can know, so
 * that content needs no length and names need no quotes.  A call that was
 * cancelled meanwhile (`is_gone') is played to its end, since the shell does.
 *
 * Invariants: current or queue non-empty => not broken; a write is fed only
 * when the shell has given the client its turn (`has_turn').
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include <uv.h>

#include "core/list.h"
#include "core/mem.h"
#include "core/parse.h"
#include "core/path.h"
#include "core/rand.h"
#include "core/strv.h"
#include "core/text.h"
#include "archive/newfile.h"
#include "client/file/file_shell.h"
#include "client/file/leftover.h"
#include "client/file/shell_script.h"
#include "client/file/shell_words.h"
#include "http/stream.h"
#include "wire/duplex.h"

/* One turn of a write; twice that is kept. */
#define TURN (512u << 10)

#define MAX_PART (64u << 10)
#define MAX_IN (4u << 20)

/* A login shell with slow startup files has said that it is ready by then. */
#define READY_MS 30000

#define MARK_SIZE 18 /* a line feed, 16 digits, NUL */

struct shell_files {
	struct files files;
	struct stream *stream;
	bool is_framed, is_ready, is_broken;
	struct err err; /* why it is broken */
	struct duplex duplex;
	struct buf in, part;
	char mark[MARK_SIZE];
	char sign; /* of the part that is being read; 0: none yet */
	struct list queue;
	struct shell_call *current;
	uv_timer_t later, deadline;
	unsigned n_handles;
	bool is_working, is_freed;
};

struct shell_call {
	struct file_call base;
	struct list link;
	enum file_op op;
	unsigned flags;
	char *path;
	struct buf line; /* the request behind its mark */
	char *target;	 /* of the link that is told next */
	struct err err;	 /* what the end is, whatever the shell says */
	bool is_gone, is_paused;

	/* Writing. */
	struct buf turn;
	uint64_t size, written;
	bool has_key, has_turn, is_begun, is_ended, is_full;

	char **leftovers; /* LIST: to be removed */
};

static struct shell_call *
of(struct file_call *call)
{
	return container_of(call, struct shell_call, base);
}

static void
call_free(struct shell_call *c)
{
	list_unlink(&c->link);
	free(c->path);
	free(c->target);
	buf_fini(&c->line);
	buf_fini(&c->turn);
	strv_free(c->leftovers);
	free(c);
}

/*
 * Requests
 */

static void
send_bytes(struct shell_files *f, const void *bytes, size_t n, bool more)
{
	uint8_t header[DUPLEX_HEADER_SIZE];
	struct iovec pieces[] = { { header, sizeof(header) },
				  { (void *)(uintptr_t)bytes, n } };

	if (f->stream == NULL)
		return;
	duplex_header(header, DUPLEX_STDIN, (uint32_t)n);
	(void)stream_writev(f->stream, f->is_framed ? pieces : pieces + 1,
			    f->is_framed ? 2 : 1, more);
}

static void
send_text(struct shell_files *f, const char *text, bool more)
{
	send_bytes(f, text, strlen(text), more);
}

static void
new_mark(struct shell_files *f)
{
	uint8_t random[8];

	rand_bytes(random, sizeof(random));
	f->mark[0] = '\n';
	hex_encode(f->mark + 1, random, sizeof(random));
	f->sign = 0;
}

static void
start_next(struct shell_files *f)
{
	struct shell_call *c;
	AUTO_BUF line = BUF_INIT(2 * SHELL_MAX_LINE);
	size_t verb;

	if (!f->is_ready || f->is_broken || f->current ||
	    list_is_empty(&f->queue))
		return;
	c = list_entry(f->queue.next, struct shell_call, link);
	list_unlink(&c->link);
	f->current = c;
	new_mark(f);
	verb = strcspn(buf_text(&c->line), " ");
	(void)buf_addf(&line, "%.*s %s%s\n", (int)verb, buf_text(&c->line),
		       f->mark + 1, buf_text(&c->line) + verb);
	send_bytes(f, buf_bytes(&line), line.len, false);
}

/*
 * The end of a call
 */

/* Behind a list: what killed writers left goes as the next. */
static void
remove_leftovers(struct shell_files *f, struct shell_call *list)
{
	for (size_t i = 0; i < strv_len(list->leftovers); i++) {
		const struct file_request r = FILE_REQUEST(FILE_REMOVE,
							   list->leftovers[i]);
		struct shell_call *c = xcalloc(1, sizeof(*c));

		c->op = FILE_REMOVE;
		c->is_gone = true;
		c->path = xstrdup(r.path);
		buf_init(&c->line, SHELL_MAX_LINE);
		buf_init(&c->turn, 0);
		shell_words_add(&c->line, &r);
		list_append(f->queue.next, &c->link);
	}
}

static void
end_current(struct shell_files *f, const struct err *err)
{
	struct shell_call *c = TAKE(f->current);

	f->sign = 0;
	if (c->err.code != ERR_NONE)
		err = &c->err;
	remove_leftovers(f, c);
	if (!c->is_gone)
		c->base.events->on_end(&c->base, err, c->base.owner);
	call_free(c);
	start_next(f);
}

static void
break_all(struct shell_files *f, const struct err *why)
{
	if (f->is_broken)
		return;
	f->is_broken = true;
	f->err = *why;
	uv_timer_stop(&f->deadline);
	if (f->current)
		end_current(f, &f->err);
	while (!list_is_empty(&f->queue)) {
		f->current = list_entry(f->queue.next, struct shell_call, link);
		list_unlink(&f->current->link);
		end_current(f, &f->err);
	}
}

static void PRINTF(3, 4)
    break_with(struct shell_files *f, enum err_code code, const char *fmt, ...)
{
	struct err err = ERR_INIT;
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(&err, code, "shell: %s", text);
	break_all(f, &err);
}

/*
 * What is told of files
 */

/* A temporary file of ours: not of the list, and cleaned up on demand. */
static bool
is_leftover(struct shell_call *c, const struct file_info *info)
{
	const char *base = path_base(info->name);
	AUTO_FREE char *whole = NULL;

	if (info->type != FILE_REGULAR || !newfile_is_temporary(base, NULL))
		return false;
	if (!(c->flags & FILE_SWEEP))
		return true;
	/* Those that can be resumed, when nobody does. */
	if (!str_ends(base, ".tmp"))
		return !leftover_is_dead(base, info->mtime_ns);
	whole = path_join(c->path, info->name);
	if (leftover_is_dead(base, info->mtime_ns))
		strv_add(&c->leftovers, whole);
	return true;
}

/* False: it is nonsense. */
static bool
give_entry(struct shell_call *c, char *text)
{
	AUTO_FREE char *target = TAKE(c->target);
	char etag[SHELL_ETAG_SIZE];
	struct file_info info;

	if (!shell_words_entry(text, c->op == FILE_LIST, etag, &info))
		return false;
	if (c->op != FILE_LIST)
		info.name = c->path;
	if (info.type == FILE_SYMLINK)
		info.target = target;
	if (c->op == FILE_LIST && is_leftover(c, &info))
		return true;
	if (!c->is_gone && c->base.events->on_entry)
		c->base.events->on_entry(&c->base, &info, c->base.owner);
	return true;
}

/*
 * Writing
 */

/* Use the turn, if there is something to use it for. */
static void
use_turn(struct shell_files *f, struct shell_call *c)
{
	size_t n = MIN(c->turn.len, (size_t)TURN);
	char line[48];

	if (!c->has_turn || (!c->is_begun && !c->is_gone))
		return;
	if (c->is_gone) {
		snprintf(line, sizeof(line), "quit\n");
		n = 0;
	} else if (n == TURN || (c->is_ended && n > 0)) {
		snprintf(line, sizeof(line), "data %zu\n", n);
	} else if (!c->is_ended) {
		return;
	} else if (c->size != UINT64_MAX && c->written != c->size) {
		err_set(&c->err, ERR_INVALID,
			"%.200s: %" PRIu64 " bytes came, not %" PRIu64, c->path,
			c->written, c->size);
		snprintf(line, sizeof(line), "spoilt\n");
	} else {
		snprintf(line, sizeof(line), "end\n");
	}
	c->has_turn = false;
	send_text(f, line, n > 0);
	if (n > 0)
		send_bytes(f, buf_bytes(&c->turn), n, false);
	buf_consume(&c->turn, n);
}

static void
on_turn(struct shell_files *f, struct shell_call *c)
{
	c->has_turn = true;
	if (!c->is_begun && !c->is_gone) {
		c->is_begun = true;
		c->base.events->on_ready(&c->base, c->written, c->base.owner);
		return;
	}
	use_turn(f, c);
	if (c->is_full && c->turn.len < TURN && !c->is_gone) {
		c->is_full = false;
		if (c->base.events->on_drain)
			c->base.events->on_drain(&c->base, c->base.owner);
	}
}

static bool
shell_write(struct file_call *call, const void *bytes, size_t n)
{
	struct shell_call *c = of(call);
	struct shell_files *f = container_of(call->files, struct shell_files,
					     files);

	if (c->op != FILE_WRITE || f->is_broken)
		return false;
	c->written += n;
	(void)buf_add(&c->turn, bytes, n);
	use_turn(f, c);
	c->is_full = c->turn.len >= TURN;
	return c->is_full;
}

static void
shell_write_end(struct file_call *call)
{
	struct shell_call *c = of(call);

	c->is_ended = true;
	use_turn(container_of(call->files, struct shell_files, files), c);
}

/*
 * Answers
 */

/* A part that is needed whole is there. */
static bool
take_part(struct shell_files *f, struct shell_call *c)
{
	AUTO_FREE char *text = buf_take(&f->part);
	uint64_t offset;
	bool is_good = true;

	text = text ? text : xstrdup("");
	if (f->sign == '@') {
		free(c->target);
		c->target = TAKE(text);
	} else if (f->sign == '!') {
		is_good = c->op == FILE_LIST && str_starts(text, "./");
		if (is_good && !c->is_gone && c->base.events->on_closed)
			c->base.events->on_closed(&c->base, text + 2,
						  c->base.owner);
	} else if (c->op == FILE_WRITE && !c->is_begun) {
		char *at = text;

		is_good = shell_words_number(&at, 10, &offset);
		c->written = is_good ? MIN(offset, c->size) : 0;
	} else {
		is_good = give_entry(c, text);
	}
	if (!is_good)
		break_with(f, ERR_PROTO, "an answer of no sense");
	return is_good;
}

/* `n' more bytes of the part; -1: everything broke. */
static int
take_bytes(struct shell_files *f, const uint8_t *bytes, size_t n, bool is_whole)
{
	struct shell_call *c = f->current;

	if (c == NULL)
		return 0;
	if (f->sign == '=' && c->op == FILE_READ) {
		if (n > 0 && !c->is_gone)
			c->base.events->on_data(&c->base, bytes, n,
						c->base.owner);
	} else if (f->sign == ':' || f->sign == '@' || f->sign == '!') {
		if (buf_add(&f->part, bytes, n) < 0 || memchr(bytes, '\0', n)) {
			break_with(f, ERR_PROTO, "an answer of no sense");
			return -1;
		}
		if (is_whole && !take_part(f, c))
			return -1;
	}
	return 0;
}

/* The last part, a line: 1 it was read, 0 it is not there yet. */
static int
take_end(struct shell_files *f)
{
	const uint8_t *at = buf_bytes(&f->in);
	const uint8_t *lf = memchr(at, '\n', f->in.len);
	struct err err = ERR_INIT;
	AUTO_FREE char *text = NULL;
	bool is_ok;

	if (lf == NULL) {
		if (f->in.len > MAX_PART)
			break_with(f, ERR_PROTO, "an answer without an end");
		return 0;
	}
	text = xstrndup((const char *)at, (size_t)(lf - at));
	buf_consume(&f->in, (size_t)(lf - at) + 1);
	is_ok = shell_words_end(text, f->current ? f->current->path : "shell",
				&err) == 0;
	if (f->current) {
		end_current(f, is_ok ? NULL : &err);
	} else if (f->is_ready) {
		break_with(f, ERR_PROTO, "it says what nobody asked for");
	} else if (is_ok) {
		f->is_ready = true;
		uv_timer_stop(&f->deadline);
		start_next(f);
	} else {
		break_all(f, &err);
	}
	return 1;
}

/*
 * The bytes up to the next mark belong to the part that is being read.  1: go
 * on; 0: more has to come first.
 */
static int
take_more(struct shell_files *f)
{
	size_t len = strlen(f->mark);
	const uint8_t *at = buf_bytes(&f->in);
	const uint8_t *mark;
	size_t n;

	if (f->sign == ' ')
		return take_end(f);
	mark = memmem(at, f->in.len, f->mark, len);
	if (mark && (size_t)(mark - at) + len == f->in.len)
		return 0;
	n = mark ? (size_t)(mark - at) : f->in.len - MIN(f->in.len, len);
	if (n == 0 && mark == NULL)
		return 0;
	if (take_bytes(f, at, n, mark != NULL) < 0)
		return 0;
	buf_consume(&f->in, n);
	if (mark == NULL)
		return 1;
	/* The callback may have paused or cancelled, not consumed. */
	f->sign = (char)buf_bytes(&f->in)[len];
	buf_consume(&f->in, len + 1);
	buf_clear(&f->part);
	if (f->sign == '+' && f->current && f->current->op == FILE_WRITE)
		on_turn(f, f->current);
	return 1;
}

static void free_now(struct shell_files *f);

static void
work(struct shell_files *f)
{
	f->is_working = true;
	while (!f->is_broken && !f->is_freed &&
	       !(f->current && f->current->is_paused) && take_more(f) > 0)
		;
	f->is_working = false;
	if (f->is_freed)
		free_now(f);
	else if (f->current && f->current->is_paused && f->stream)
		stream_pause(f->stream);
}

static int
on_frame(unsigned type, const void *bytes, size_t n, void *owner)
{
	struct shell_files *f = owner;

	if (type == DUPLEX_STDOUT)
		return buf_add(&f->in, bytes, n);
	/* How it ended is told by the end of the stream, too. */
	return 0;
}

static void
on_data(struct stream *stream UNUSED, const void *bytes, size_t n, void *owner)
{
	struct shell_files *f = owner;
	struct err err = ERR_INIT;
	int rc;

	if (f->is_broken)
		return;
	rc = f->is_framed ? duplex_feed(&f->duplex, bytes, n, &err)
			  : buf_add(&f->in, bytes, n);
	if (rc < 0)
		break_with(f, ERR_PROTO, "too much at once");
	else
		work(f);
}

static void
on_end(struct stream *stream UNUSED, const struct err *why, void *owner)
{
	struct shell_files *f = owner;

	f->is_working = true;
	break_with(f, f->is_ready ? ERR_UNREACHABLE : ERR_UNSUPPORTED, "%s",
		   why ? why->msg : "it went away");
	f->is_working = false;
	if (f->is_freed)
		free_now(f);
}

/* A call goes on that was paused. */
static void
on_later(uv_timer_t *timer)
{
	struct shell_files *f = container_of(timer, struct shell_files, later);

	if (f->stream && !f->is_broken)
		stream_resume(f->stream);
	work(f);
}

static void
on_deadline(uv_timer_t *timer)
{
	break_with(container_of(timer, struct shell_files, deadline),
		   ERR_TIMEOUT, "it never said that it is ready");
}

/*
 * The interface
 */

static bool
is_too_long(const char *path)
{
	return path && strlen(path) >= SHELL_MAX_PATH;
}

static struct file_call *
shell_start(struct files *files, const struct file_request *r,
	    const struct file_events *events, void *owner, struct err *err)
{
	struct shell_files *f = container_of(files, struct shell_files, files);
	struct shell_call *c;

	if (f->is_broken) {
		*err = f->err;
		return NULL;
	}
	if (is_too_long(r->path) || is_too_long(r->to) ||
	    is_too_long(r->target)) {
		err_set(err, ERR_LIMIT, "%.100s...: the path is too long",
			r->path);
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->base = (struct file_call){ files, events, owner };
	c->op = r->op;
	c->flags = r->flags;
	c->path = xstrdup(r->path);
	c->size = r->size;
	c->has_key = r->key;
	buf_init(&c->line, SHELL_MAX_LINE);
	buf_init(&c->turn, 64u << 20);
	shell_words_add(&c->line, r);
	list_append(&f->queue, &c->link);
	start_next(f);
	return &c->base;
}

static void
shell_pause(struct file_call *call)
{
	of(call)->is_paused = true;
}

static void
shell_resume(struct file_call *call)
{
	struct shell_files *f = container_of(call->files, struct shell_files,
					     files);

	of(call)->is_paused = false;
	if (f->current == of(call))
		uv_timer_start(&f->later, on_later, 0, 0);
}

static void
shell_cancel(struct file_call *call)
{
	struct shell_files *f = container_of(call->files, struct shell_files,
					     files);
	struct shell_call *c = of(call);

	if (f->current != c) {
		call_free(c);
		return;
	}
	c->is_gone = true;
	c->is_paused = false;
	use_turn(f, c);
	uv_timer_start(&f->later, on_later, 0, 0);
}

static void
on_closed(uv_handle_t *handle)
{
	struct shell_files *f = handle->data;

	if (--f->n_handles == 0)
		free(f);
}

static void
free_now(struct shell_files *f)
{
	struct shell_call *c;

	if (f->current)
		call_free(f->current);
	list_for_each (c, &f->queue, link)
		call_free(c);
	buf_fini(&f->in);
	buf_fini(&f->part);
	duplex_fini(&f->duplex);
	uv_close((uv_handle_t *)&f->later, on_closed);
	uv_close((uv_handle_t *)&f->deadline, on_closed);
}

static void
shell_free(struct files *files)
{
	struct shell_files *f = container_of(files, struct shell_files, files);

	stream_close(TAKE(f->stream));
	f->is_freed = true;
	if (!f->is_working)
		free_now(f);
}

static const struct file_ops shell_ops = {
	.name = "shell",
	.start = shell_start,
	.write = shell_write,
	.write_end = shell_write_end,
	.pause = shell_pause,
	.resume = shell_resume,
	.cancel = shell_cancel,
	.free = shell_free,
};

static void
send_script(struct shell_files *f)
{
	AUTO_BUF script = BUF_INIT(MAX_PART);

	new_mark(f);
	(void)buf_addf(&script, "t=%s\n%s", f->mark + 1, shell_script);
	send_bytes(f, buf_bytes(&script), script.len, false);
}

struct files *
file_shell_new(struct stream *stream, bool is_framed)
{
	static const struct stream_events events = { .on_data = on_data,
						     .on_end = on_end };
	struct shell_files *f = xcalloc(1, sizeof(*f));

	f->files = (struct files){ &shell_ops, stream_loop(stream) };
	f->stream = stream;
	f->is_framed = is_framed;
	duplex_init(&f->duplex, on_frame, f);
	buf_init(&f->in, MAX_IN);
	buf_init(&f->part, MAX_PART);
	list_init(&f->queue);
	uv_timer_init(f->files.loop, &f->later);
	uv_timer_init(f->files.loop, &f->deadline);
	f->later.data = f->deadline.data = f;
	f->n_handles = 2;
	uv_timer_start(&f->deadline, on_deadline, READY_MS, 0);
	stream_set_events(stream, &events, f);
	send_script(f);
	stream_resume(stream);
	return &f->files;
}
