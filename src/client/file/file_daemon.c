/* SPDX-License-Identifier: ISC */

/*
 * Files over HTTP; see file_daemon.h.
 *
 * A call is one request; writing under a key is two: the first asks where to go
 * on.  A streamed body begins from the loop, since on_ready must not come from
 * inside of a start.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "core/mem.h"
#include "core/json.h"
#include "core/parse.h"
#include "core/text.h"
#include "client/client.h"
#include "client/file/file_daemon.h"
#include "client/file/file_json.h"
#include "client/lines.h"
#include "client/target.h"

#define MAX_ANSWER (64u << 10)
#define MAX_UNPACKED (8u << 20)

/* Bytes that take longer than to open a connection for them. */
#define MANY (1u << 20)

/* ... and longer than to ask for them again: only the answer tells the size. */
#define VERY_MANY (8u << 20)

struct daemon_files {
	struct files files;
	struct client *client;
};

struct daemon_call {
	struct file_call base;
	enum file_op op;
	struct client_call *http;   /* NULL: none now */
	struct client_call *asking; /* where to go on; NULL: not now */
	uv_timer_t later;	    /* begins a streamed body */
	struct buf target;
	char *path, *key, *if_match;
	bool is_new, is_bulk;
	bool is_moving;	 /* is about to be asked for again, by a shorter way */
	uint64_t offset; /* where a write or read begins */
	struct buf answer;
	struct lines lines;
	bool is_complete; /* a list's last line came */
	struct err err;	  /* what a line had wrong */
};

static const char *const targets[] = {
	[FILE_READ] = "/v1/file/content",  [FILE_WRITE] = "/v1/file/content",
	[FILE_LIST] = "/v1/file/list",	   [FILE_STAT] = "/v1/file/stat",
	[FILE_MKDIR] = "/v1/file/mkdir",   [FILE_REMOVE] = "/v1/file/remove",
	[FILE_RENAME] = "/v1/file/rename", [FILE_COPY] = "/v1/file/copy",
	[FILE_LINK] = "/v1/file/link",	   [FILE_SET] = "/v1/file/set",
	[FILE_FETCH] = "/v1/sync/fetch",   [FILE_PACK] = "/v1/sync/pack",
	[FILE_UNPACK] = "/v1/sync/unpack",
};

static const char *
method_of(enum file_op op)
{
	if (op == FILE_WRITE)
		return "PUT";
	return op == FILE_READ || op == FILE_LIST || op == FILE_STAT ||
		       op == FILE_FETCH
		   ? "GET"
		   : "POST";
}

static bool
is_streamed(enum file_op op)
{
	return op == FILE_WRITE || op == FILE_UNPACK;
}

static void
on_closed(uv_handle_t *handle)
{
	struct daemon_call *call = container_of((uv_timer_t *)handle,
						struct daemon_call, later);

	buf_fini(&call->target);
	buf_fini(&call->answer);
	lines_fini(&call->lines);
	free(call->path);
	free(call->key);
	free(call->if_match);
	free(call);
}

static void
call_free(struct daemon_call *call)
{
	uv_close((uv_handle_t *)&call->later, on_closed);
}

/* Tell the end; the call is dead. */
static void
end_call(struct daemon_call *call, const struct err *err)
{
	call->http = call->asking = NULL;
	call->base.events->on_end(&call->base, err, call->base.owner);
	call_free(call);
}

static void
give_info(const struct file_info *info, void *owner)
{
	struct daemon_call *call = owner;

	if (call->base.events->on_entry)
		call->base.events->on_entry(&call->base, info,
					    call->base.owner);
	if (info->is_closed && call->base.events->on_closed)
		call->base.events->on_closed(&call->base, info->name,
					     call->base.owner);
}

static int
on_line(const char *line, size_t n, void *owner)
{
	struct daemon_call *call = owner;
	uint64_t skipped;
	int rc = file_info_decode(line, n, give_info, call, &skipped,
				  &call->err);

	call->is_complete = rc == 0;
	return rc < 0 ? -1 : 0;
}

static uint64_t
header_number(const struct http_head *head, const char *name)
{
	const char *text = http_head_find(head, name);
	uint64_t n = 0;

	if (text)
		(void)parse_u64(text, 0, INT64_MAX, &n, &(struct err)ERR_INIT);
	return n;
}

/* Is it more than one knew, and is there a better way for so much? */
static bool
would_move(const struct daemon_call *call, const struct http_head *head)
{
	struct daemon_files *files = container_of(call->base.files,
						  struct daemon_files, files);

	return !call->is_bulk && head->status == 200 &&
	       header_number(head, "Content-Length") >= VERY_MANY &&
	       reach_is_near(client_reach(files->client));
}

static int64_t
header_time(const struct http_head *head, const char *name)
{
	const char *text = http_head_find(head, name);
	int64_t ns = 0;

	if (text)
		(void)parse_i64(text, INT64_MIN, INT64_MAX, &ns,
				&(struct err)ERR_INIT);
	return ns;
}

static void
on_http_head(struct client_call *http UNUSED, const struct http_head *head,
	     void *owner)
{
	struct daemon_call *call = owner;
	const char *mode = http_head_find(head, "Berth-Mode");
	const char *range = http_head_find(head, "Content-Range");
	struct file_info info = { .name = call->path,
				  .type = FILE_REGULAR,
				  .mode = -1,
				  .uid = -1,
				  .gid = -1 };

	if (call->op != FILE_READ)
		return;
	call->is_moving = would_move(call, head);
	if (call->is_moving)
		return;
	info.etag = http_head_find(head, "ETag");
	info.size = header_number(head, "Content-Length");
	if (range && strchr(range, '/'))
		(void)parse_u64(strchr(range, '/') + 1, 0, INT64_MAX,
				&info.size, &(struct err)ERR_INIT);
	info.mtime_ns = header_time(head, "Berth-Mtime");
	if (mode)
		info.mode = (int)strtoul(mode, NULL, 8) & 07777;
	give_info(&info, call);
}

/* Lines; behind the last one there may be an archive, if that was asked for. */
static void
take_list(struct daemon_call *call, const char *bytes, size_t n)
{
	while (n > 0 && !(call->op == FILE_FETCH && call->is_complete)) {
		const char *end = memchr(bytes, '\n', n);
		size_t len = end ? (size_t)(end - bytes) + 1 : n;
		struct err why;

		if (lines_feed(&call->lines, bytes, len, &call->err) < 0) {
			why = call->err;
			client_call_cancel(call->http);
			end_call(call, &why);
			return;
		}
		bytes += len;
		n -= len;
	}
	if (n > 0)
		call->base.events->on_data(&call->base, bytes, n,
					   call->base.owner);
}

static int start_http(struct daemon_call *call, const struct file_request *body,
		      struct err *err);

static void
move(struct daemon_call *call)
{
	struct err err = ERR_INIT;

	client_call_cancel(TAKE(call->http));
	call->is_moving = false;
	call->is_bulk = true;
	if (start_http(call, NULL, &err) < 0)
		end_call(call, &err);
}

static void
on_http_data(struct client_call *http UNUSED, const void *bytes, size_t n,
	     void *owner)
{
	struct daemon_call *call = owner;

	if (call->is_moving) {
		move(call);
		return;
	}
	switch (call->op) {
	case FILE_READ:
	case FILE_PACK:
		call->base.events->on_data(&call->base, bytes, n,
					   call->base.owner);
		return;
	case FILE_LIST:
	case FILE_FETCH:
		take_list(call, bytes, n);
		return;
	default:
		(void)buf_add(&call->answer, bytes, n);
	}
}

static void
give_refused(const char *name, const char *why, void *owner)
{
	struct daemon_call *call = owner;

	if (call->base.events->on_refused)
		call->base.events->on_refused(&call->base, name, why,
					      call->base.owner);
}

/* The daemon says that all went well: is the answer whole? */
static int
judge(struct daemon_call *call, struct err *err)
{
	uint64_t skipped;

	if ((call->op == FILE_LIST || call->op == FILE_FETCH) &&
	    !call->is_complete)
		return err_set(err, ERR_PROTO, "the list is cut off");
	if (call->op == FILE_UNPACK)
		return file_refused_decode(buf_text(&call->answer),
					   call->answer.len, give_refused, call,
					   err);
	if (call->op == FILE_STAT || call->op == FILE_WRITE)
		return file_info_decode(buf_text(&call->answer),
					call->answer.len, give_info, call,
					&skipped, err) < 0
			   ? -1
			   : 0;
	return 0;
}

static void
on_http_end(struct client_call *http UNUSED, const struct err *err, void *owner)
{
	struct daemon_call *call = owner;
	struct err mine = ERR_INIT;

	/* Behind the end of a file there is nothing. */
	if (err && call->op == FILE_READ && call->offset > 0 &&
	    err->code == ERR_LIMIT)
		err = NULL;
	else if (err == NULL && judge(call, &mine) < 0)
		err = &mine;
	end_call(call, err);
}

static void
on_http_drain(struct client_call *http UNUSED, void *owner)
{
	struct daemon_call *call = owner;

	if (call->base.events->on_drain)
		call->base.events->on_drain(&call->base, call->base.owner);
}

static const struct client_call_events http_events = {
	.on_head = on_http_head,
	.on_data = on_http_data,
	.on_end = on_http_end,
	.on_drain = on_http_drain,
};

static int
start_http(struct daemon_call *call, const struct file_request *body,
	   struct err *err)
{
	struct daemon_files *files = container_of(call->base.files,
						  struct daemon_files, files);
	struct http_header headers[3];
	struct http_request request = {
		.method = method_of(call->op),
		.target = buf_text(&call->target),
		.headers = headers,
		.stream_body = is_streamed(call->op),
		.type = is_streamed(call->op) ? "application/octet-stream"
					      : NULL,
	};
	unsigned flags = CLIENT_PATIENT;
	char range[64];

	if (call->if_match)
		headers[request.n_headers++] =
		    (struct http_header){ "If-Match", call->if_match };
	if (call->is_new && call->op == FILE_WRITE)
		headers[request.n_headers++] =
		    (struct http_header){ "If-None-Match", "*" };
	if (body && call->op == FILE_READ && (body->offset || body->length)) {
		snprintf(range, sizeof(range), "bytes=%" PRIu64 "-",
			 body->offset);
		if (body->length)
			snprintf(range + strlen(range),
				 sizeof(range) - strlen(range), "%" PRIu64,
				 body->offset + body->length - 1);
		headers[request.n_headers++] = (struct http_header){ "Range",
								     range };
	}
	if (call->op == FILE_PACK) {
		request.type = "application/octet-stream";
		request.body = body->names;
		request.body_len = body->names_len;
	}
	if (request.method[0] == 'G')
		flags |= CLIENT_REPEAT;
	if (call->is_bulk)
		flags |= CLIENT_BULK;
	call->http = client_call_start(files->client, &request, flags,
				       &http_events, call, err);
	return call->http ? 0 : -1;
}

/* Begin a streamed body behind `offset' bytes. */
static void
begin_body(struct daemon_call *call)
{
	struct err err = ERR_INIT;

	if (call->key) {
		target_add(&call->target, "key", call->key);
		target_add_number(&call->target, "offset", call->offset);
	}
	if (start_http(call, NULL, &err) < 0) {
		end_call(call, &err);
		return;
	}
	call->base.events->on_ready(&call->base, call->offset,
				    call->base.owner);
}

static void
on_later(uv_timer_t *timer)
{
	begin_body(container_of(timer, struct daemon_call, later));
}

static void
on_offset_end(struct client_call *http UNUSED, const struct err *err,
	      void *owner)
{
	struct daemon_call *call = owner;
	struct err mine = ERR_INIT;
	AUTO_JSON *value = NULL;

	call->asking = NULL;
	if (err) {
		end_call(call, err);
		return;
	}
	value = json_parse(buf_bytes(&call->answer), call->answer.len, &mine);
	if (value)
		call->offset = (uint64_t)json_get_int(value, "offset", 0);
	buf_clear(&call->answer);
	begin_body(call);
}

/* Ask where to go on. */
static int
ask_offset(struct daemon_call *call, struct err *err)
{
	static const struct client_call_events events = {
		.on_data = on_http_data,
		.on_end = on_offset_end,
	};
	struct daemon_files *files = container_of(call->base.files,
						  struct daemon_files, files);
	AUTO_BUF target = BUF_INIT(TARGET_MAX);
	struct http_request request = { .method = "GET" };

	(void)buf_adds(&target, "/v1/file/upload");
	target_add(&target, "path", call->path);
	target_add(&target, "key", call->key);
	request.target = buf_text(&target);
	call->asking = client_call_start(files->client, &request, CLIENT_REPEAT,
					 &events, call, err);
	return call->asking ? 0 : -1;
}

static void
add_flag(struct daemon_call *call, const struct file_request *r, unsigned flag,
	 const char *name)
{
	if (r->flags & flag)
		target_add(&call->target, name, "true");
}

static void
make_target(struct daemon_call *call, const struct file_request *r)
{
	char mode[8], mtime[24];

	(void)buf_adds(&call->target, targets[r->op]);
	target_add(&call->target, "path", r->path);
	target_add(&call->target, "to", r->to);
	target_add(&call->target, "target", r->target);
	add_flag(call, r, FILE_PARENTS,
		 r->op == FILE_WRITE ? "mkdir" : "parents");
	add_flag(call, r, FILE_RECURSIVE, "recursive");
	add_flag(call, r, FILE_FOLLOW, "follow");
	add_flag(call, r, FILE_SUMS, "sums");
	add_flag(call, r, FILE_SWEEP, "sweep");
	if (r->op != FILE_WRITE)
		add_flag(call, r, FILE_NEW, "new");
	if (r->op == FILE_UNPACK)
		target_add(&call->target, "partial", "true");
	if (r->mode >= 0) {
		snprintf(mode, sizeof(mode), "%o", (unsigned)r->mode & 0777);
		target_add(&call->target, "mode", mode);
	}
	if (r->mtime_ns != FILE_NOW) {
		snprintf(mtime, sizeof(mtime), "%" PRId64, r->mtime_ns);
		target_add(&call->target, "mtime", mtime);
	}
	if (r->op == FILE_FETCH)
		target_add_number(&call->target, "below", r->below);
	if (r->op == FILE_WRITE && r->size != UINT64_MAX)
		target_add_number(&call->target, "size", r->size);
}

static int
begin(struct daemon_call *call, const struct file_request *r, struct err *err)
{
	if (strlen(buf_text(&call->target)) > TARGET_MAX / 2)
		return err_set(err, ERR_LIMIT,
			       "%.100s...: the path is too long", r->path);
	if (!is_streamed(r->op))
		return start_http(call, r, err);
	if (call->key)
		return ask_offset(call, err);
	uv_timer_start(&call->later, on_later, 0, 0);
	return 0;
}

/* May it be so much that a connection of its own pays? */
static bool
is_bulk(const struct file_request *r)
{
	switch (r->op) {
	case FILE_READ:
		return r->offset > 0 || r->length >= MANY;
	case FILE_WRITE:
		return r->size >= MANY;
	case FILE_FETCH:
	case FILE_PACK:
	case FILE_UNPACK:
		return true;
	default:
		return false;
	}
}

static struct file_call *
daemon_start(struct files *files, const struct file_request *r,
	     const struct file_events *events, void *owner, struct err *err)
{
	struct daemon_call *call = xcalloc(1, sizeof(*call));

	call->base = (struct file_call){ files, events, owner };
	call->op = r->op;
	call->path = xstrdup(r->path);
	call->key = r->key ? xstrdup(r->key) : NULL;
	call->if_match = r->if_match ? xstrdup(r->if_match) : NULL;
	call->is_new = r->flags & FILE_NEW;
	call->is_bulk = is_bulk(r);
	call->offset = r->op == FILE_READ ? r->offset : 0;
	buf_init(&call->target, TARGET_MAX);
	buf_init(&call->answer,
		 r->op == FILE_UNPACK ? MAX_UNPACKED : MAX_ANSWER);
	lines_init(&call->lines, on_line, call);
	uv_timer_init(files->loop, &call->later);
	make_target(call, r);
	if (begin(call, r, err) == 0)
		return &call->base;
	call_free(call);
	return NULL;
}

static struct daemon_call *
of(struct file_call *call)
{
	return container_of(call, struct daemon_call, base);
}

static bool
daemon_write(struct file_call *call, const void *bytes, size_t n)
{
	struct client_call *http = of(call)->http;

	return http && client_call_write(http, bytes, n);
}

static bool
daemon_write_file(struct file_call *call, int fd, uint64_t offset, uint64_t n)
{
	struct client_call *http = of(call)->http;

	return http && client_call_write_file(http, fd, offset, n);
}

static void
daemon_write_end(struct file_call *call)
{
	if (of(call)->http)
		client_call_write_end(of(call)->http);
}

static void
daemon_pause(struct file_call *call)
{
	if (of(call)->http)
		client_call_pause(of(call)->http);
}

static void
daemon_resume(struct file_call *call)
{
	if (of(call)->http)
		client_call_resume(of(call)->http);
}

static void
daemon_cancel(struct file_call *call)
{
	if (of(call)->http)
		client_call_cancel(of(call)->http);
	if (of(call)->asking)
		client_call_cancel(of(call)->asking);
	call_free(of(call));
}

static void
daemon_free(struct files *files)
{
	free(container_of(files, struct daemon_files, files));
}

static const struct file_ops daemon_ops = {
	.name = "daemon",
	.has_bulk = true,
	.start = daemon_start,
	.write = daemon_write,
	.write_file = daemon_write_file,
	.write_end = daemon_write_end,
	.pause = daemon_pause,
	.resume = daemon_resume,
	.cancel = daemon_cancel,
	.free = daemon_free,
};

struct files *
file_daemon_new(struct client *client)
{
	struct daemon_files *files = xcalloc(1, sizeof(*files));

	files->files = (struct files){ &daemon_ops, client_loop(client) };
	files->client = client;
	return &files->files;
}
