/* SPDX-License-Identifier: ISC */

/*
 * An HTTP/1.1 client; see client.h.
 *
 * A client has at most one call.  The connection is read all the time: between
 * calls that shows when the server closes it, and bytes that nobody asked for
 * make it unusable.
 *
 * The connection serves another call when the answer was delimited and said
 * keep-alive, and the request had been sent to its end.  Otherwise the stream
 * is closed with the call, and the client is only there to be freed.
 */

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/parser.h"
#include "http/stream.h"

#include "http/client.h"

struct http_call {
	struct http_client *client;
	const struct http_call_events *events;
	void *owner;
	bool is_streaming; /* the request's body is not complete */
	bool is_paused;
};

struct http_client {
	struct stream *stream; /* NULL: closed or handed over */
	struct parser parser;
	struct http_call *call;
	char *host;
	char *token;
	const uint8_t *rest; /* input within on_data */
	size_t n_rest;

	uv_timer_t deadline;
	uv_idle_t later;
	unsigned n_handles;
	bool is_running; /* client_run is on the stack */
	bool is_freed;
};

static void
on_handle_closed(uv_handle_t *handle)
{
	struct http_client *client = handle->data;

	if (--client->n_handles > 0)
		return;
	parser_fini(&client->parser);
	free(client->host);
	if (client->token)
		explicit_bzero(client->token, strlen(client->token));
	free(client->token);
	free(client);
}

void
http_client_free(struct http_client *client)
{
	if (client == NULL || client->is_freed)
		return;
	client->is_freed = true;
	stream_close(TAKE(client->stream));
	free(TAKE(client->call));
	uv_close((uv_handle_t *)&client->deadline, on_handle_closed);
	uv_close((uv_handle_t *)&client->later, on_handle_closed);
}

bool
http_client_usable(const struct http_client *client)
{
	return client->stream && client->call == NULL;
}

/* The call is over; its owner may free the client in on_end. */
static void
end_call(struct http_client *client, const struct err *err)
{
	struct http_call *call = TAKE(client->call);
	const struct http_call_events *events = call->events;
	void *owner = call->owner;

	uv_timer_stop(&client->deadline);
	if (err || call->is_streaming || !client->parser.head.keep_alive ||
	    client->n_rest > 0)
		stream_close(TAKE(client->stream));
	parser_reset(&client->parser);
	events->on_end(call, err, owner);
	free(call);
}

static void
fail_call(struct http_client *client, enum err_code code, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, code, "%s", why);
	end_call(client, &err);
}

/* The head is there: an interim answer, a takeover, or the answer. */
static void
on_head(struct http_client *client)
{
	struct http_call *call = client->call;
	const struct http_head *head = &client->parser.head;
	unsigned status = head->status;

	if (status < 200 && status != 101) {
		bool has_no_body = client->parser.has_no_body;

		parser_reset(&client->parser);
		client->parser.has_no_body = has_no_body;
		return;
	}
	uv_timer_stop(&client->deadline);
	call->events->on_head(call, head, call->owner);
	if (status == 101 && client->call == call)
		fail_call(client, ERR_PROTO,
			  "the server switched protocols unasked");
}

/* One step through the input; false when there is nothing more to do. */
static bool
client_step(struct http_client *client)
{
	struct http_call *call = client->call;
	const uint8_t *data;
	size_t n;

	if (client->is_freed || client->stream == NULL)
		return false;
	if (call == NULL) {
		/* Nobody asked for these bytes. */
		if (client->n_rest > 0)
			stream_close(TAKE(client->stream));
		return false;
	}
	if (call->is_paused)
		return false;
	switch (parser_next(&client->parser, &client->rest, &client->n_rest,
			    &data, &n)) {
	case PARSER_HEAD:
		on_head(client);
		return true;
	case PARSER_DATA:
		call->events->on_data(call, data, n, call->owner);
		return true;
	case PARSER_END:
		end_call(client, NULL);
		return true;
	case PARSER_BAD:
		fail_call(client, ERR_PROTO, client->parser.why);
		return true;
	default:
		return false;
	}
}

static void
client_run(struct http_client *client)
{
	struct stream *stream;

	client->is_running = true;
	while (client_step(client))
		;
	client->is_running = false;
	stream = client->stream;
	if (client->is_freed || stream == NULL)
		return;
	if (client->n_rest > 0)
		stream_unread(stream, client->rest, client->n_rest);
	client->n_rest = 0;
	if (client->call && client->call->is_paused)
		stream_pause(stream);
	else
		stream_resume(stream);
}

static void
on_later(uv_idle_t *later)
{
	struct http_client *client = container_of(later, struct http_client,
						  later);

	uv_idle_stop(later);
	client_run(client);
}

static void
client_later(struct http_client *client)
{
	if (!client->is_running)
		uv_idle_start(&client->later, on_later);
}

static void
on_deadline(uv_timer_t *timer)
{
	struct http_client *client = container_of(timer, struct http_client,
						  deadline);

	fail_call(client, ERR_TIMEOUT, "the server did not answer in time");
}

static void
on_data(struct stream *stream UNUSED, const void *bytes, size_t n, void *owner)
{
	struct http_client *client = owner;

	client->rest = bytes;
	client->n_rest = n;
	client_run(client);
}

/* The connection ends: that may be the end of the answer, too. */
static void
on_end(struct stream *stream UNUSED, const struct err *err, void *owner)
{
	struct http_client *client = owner;
	struct err gone = ERR_INIT;

	if (client->call == NULL) {
		stream_close(TAKE(client->stream));
		return;
	}
	client->parser.head.keep_alive = false;
	if (err) {
		end_call(client, err);
	} else if (parser_finish(&client->parser) == PARSER_END) {
		end_call(client, NULL);
	} else {
		err_set(&gone, ERR_UNREACHABLE,
			"the server closed the connection before the end of "
			"its answer");
		end_call(client, &gone);
	}
}

static void
on_drain(struct stream *stream UNUSED, void *owner)
{
	struct http_client *client = owner;
	struct http_call *call = client->call;

	if (call && call->is_streaming && call->events->on_drain)
		call->events->on_drain(call, call->owner);
}

static const struct stream_events client_events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
};

struct http_client *
http_client_new(const struct http_client_config *config, struct err *err)
{
	struct http_client *client = xcalloc(1, sizeof(*client));

	client->stream = stream_new(config->loop, config->in_fd, config->out_fd,
				    &client_events, client, err);
	if (client->stream == NULL) {
		free(client);
		return NULL;
	}
	client->host = xstrdup(config->host ? config->host : "localhost");
	client->token = config->token ? xstrdup(config->token) : NULL;
	parser_init(&client->parser, PARSER_RESPONSE);
	uv_timer_init(config->loop, &client->deadline);
	uv_idle_init(config->loop, &client->later);
	client->deadline.data = client->later.data = client;
	client->n_handles = 2;
	stream_resume(client->stream);
	return client;
}

/* Nothing that ends a line, nor, in a target, a word. */
static bool
is_clean(const char *text, unsigned char least)
{
	for (; text && *text != '\0'; text++) {
		if ((unsigned char)*text < least || *text == 0x7f)
			return false;
	}
	return true;
}

static int
check_request(const struct http_client *client,
	      const struct http_request *request, struct err *err)
{
	bool is_good = is_clean(request->target, ' ' + 1) &&
		       is_clean(request->method, ' ' + 1) &&
		       is_clean(request->type, ' ') &&
		       is_clean(client->host, ' ') &&
		       is_clean(client->token, ' ');

	for (size_t i = 0; i < request->n_headers; i++)
		is_good = is_good && is_clean(request->headers[i].name, ' ') &&
			  is_clean(request->headers[i].value, ' ');
	if (!is_good)
		return err_set(err, ERR_INVALID,
			       "a control character in an HTTP request");
	return 0;
}

static void
add_header(struct buf *out, const char *name, const char *value)
{
	buf_adds(out, name);
	buf_adds(out, ": ");
	buf_adds(out, value);
	buf_adds(out, "\r\n");
}

static bool
may_have_body(const char *method)
{
	return str_eq(method, "POST") || str_eq(method, "PUT") ||
	       str_eq(method, "PATCH");
}

static void
add_request_head(struct buf *out, const struct http_client *client,
		 const struct http_request *request)
{
	buf_adds(out, request->method);
	buf_addc(out, ' ');
	buf_adds(out, request->target);
	buf_adds(out, " HTTP/1.1\r\n");
	add_header(out, "Host", client->host);
	if (client->token) {
		buf_adds(out, "Authorization: Bearer ");
		buf_adds(out, client->token);
		buf_adds(out, "\r\n");
	}
	for (size_t i = 0; i < request->n_headers; i++)
		add_header(out, request->headers[i].name,
			   request->headers[i].value);
	if (request->type)
		add_header(out, "Content-Type", request->type);
	if (request->stream_body)
		add_header(out, "Transfer-Encoding", "chunked");
	else if (request->body_len > 0 || may_have_body(request->method))
		buf_addf(out, "Content-Length: %zu\r\n", request->body_len);
	buf_adds(out, "\r\n");
}

struct http_call *
http_call_start(struct http_client *client, const struct http_request *request,
		const struct http_call_events *events, void *owner,
		struct err *err)
{
	AUTO_BUF head = BUF_INIT(SIZE_MAX - 1);
	struct iovec pieces[2];
	struct http_call *call;

	if (!http_client_usable(client)) {
		err_set(err, ERR_UNREACHABLE, "the connection is closed");
		return NULL;
	}
	if (check_request(client, request, err) < 0)
		return NULL;
	call = xcalloc(1, sizeof(*call));
	call->client = client;
	call->events = events;
	call->owner = owner;
	call->is_streaming = request->stream_body;
	client->call = call;
	client->parser.has_no_body = str_eq(request->method, "HEAD");

	add_request_head(&head, client, request);
	pieces[0] = (struct iovec){ buf_bytes(&head), head.len };
	pieces[1] = (struct iovec){ (void *)(uintptr_t)request->body,
				    request->body_len };
	stream_writev(client->stream, pieces, request->body_len > 0 ? 2 : 1,
		      false);
	explicit_bzero(buf_bytes(&head), head.len);
	if (request->timeout_ms > 0)
		uv_timer_start(&client->deadline, on_deadline,
			       request->timeout_ms, 0);
	return call;
}

const struct http_head *
http_call_head(const struct http_call *call)
{
	return &call->client->parser.head;
}

bool
http_call_write(struct http_call *call, const void *bytes, size_t n)
{
	char line[20];
	struct iovec pieces[] = {
		{ line, 0 },
		{ (void *)(uintptr_t)bytes, n },
		{ (char[]){ "\r\n" }, 2 },
	};

	assert(call->is_streaming);
	if (n == 0)
		return false;
	pieces[0].iov_len = (size_t)snprintf(line, sizeof(line), "%zx\r\n", n);
	return stream_writev(call->client->stream, pieces, 3, false);
}

bool
http_call_write_file(struct http_call *call, int fd, uint64_t offset,
		     uint64_t n)
{
	struct stream *stream = call->client->stream;
	char line[20];
	struct iovec head = { .iov_base = line };

	assert(call->is_streaming);
	if (n == 0)
		return false;
	head.iov_len = (size_t)snprintf(line, sizeof(line), "%" PRIx64 "\r\n",
					n);
	stream_writev(stream, &head, 1, true);
	stream_write_file(stream, fd, offset, n);
	return stream_write(stream, "\r\n", 2);
}

void
http_call_write_end(struct http_call *call)
{
	assert(call->is_streaming);
	call->is_streaming = false;
	stream_write(call->client->stream, "0\r\n\r\n", 5);
}

void
http_call_pause(struct http_call *call)
{
	call->is_paused = true;
	client_later(call->client);
}

void
http_call_resume(struct http_call *call)
{
	call->is_paused = false;
	client_later(call->client);
}

void
http_call_cancel(struct http_call *call)
{
	struct http_client *client = call->client;

	uv_timer_stop(&client->deadline);
	stream_close(TAKE(client->stream));
	free(TAKE(client->call));
}

struct stream *
http_call_upgrade(struct http_call *call)
{
	struct http_client *client = call->client;
	struct stream *stream = TAKE(client->stream);

	assert(client->parser.head.status == 101);
	stream_pause(stream);
	stream_set_events(stream, NULL, NULL);
	if (client->n_rest > 0)
		stream_unread(stream, client->rest, client->n_rest);
	client->n_rest = 0;
	http_client_free(client);
	return stream;
}
