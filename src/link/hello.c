/* SPDX-License-Identifier: ISC */

/*
 * Asking who answers; see hello.h.
 *
 * A stream that is refused says so only when it is used: then it is tried once
 * more, in the other way that there is.
 */

#include <string.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/parser.h"
#include "link/hello.h"
#include "link/streams.h"

#define MAX_HELLO (64u << 10)

struct hello_check {
	struct streams *streams;
	struct pump *pump;
	struct parser parser;
	struct buf body;
	struct hello_expected expected; /* its texts are ours */
	hello_done_fn *done;
	void *owner;
	bool is_second; /* the first stream was refused */
};

void
hello_check_free(struct hello_check *check)
{
	if (check == NULL)
		return;
	pump_free(check->pump);
	parser_fini(&check->parser);
	buf_fini(&check->body);
	free((char *)(uintptr_t)check->expected.host_id);
	free((char *)(uintptr_t)check->expected.nonce);
	free(check);
}

/* Tell, and be gone. */
static void
end(struct hello_check *check, const struct err *err)
{
	AUTO_BUF body = check->body;
	hello_done_fn *done = check->done;
	void *owner = check->owner;

	check->body = (struct buf)BUF_INIT(0);
	hello_check_free(check);
	done(err ? NULL : &body, err, owner);
}

static bool
differs(const char *expected, const char *is)
{
	return *expected && !str_eq(expected, is);
}

int
hello_judge(const struct buf *body, const struct hello_expected *expected,
	    struct err *err)
{
	AUTO_JSON *hello = json_parse(buf_bytes(body), body->len, err);

	if (hello == NULL) {
		err->code = ERR_PROTO;
		return err_wrap(err, "the daemon's hello");
	}
	if (json_get_int(hello, "uid", -1) == expected->uid &&
	    !differs(expected->host_id, json_get_text(hello, "host_id", "")) &&
	    !differs(expected->nonce, json_get_text(hello, "nonce", "")))
		return 0;
	err_set(err, ERR_PROTO,
		"another daemon answers on the socket than the one met at "
		"login (uid %lld on %s)",
		(long long)json_get_int(hello, "uid", -1),
		json_get_text(hello, "host_id", "an unknown host"));
	return err_hint(err, "somebody may have put a socket in its place: "
			     "look at the machine before you trust it");
}

static void
ask(struct pump *pump, void *owner UNUSED)
{
	static const char question[] = "GET /v1/hello HTTP/1.1\r\n"
				       "Host: localhost\r\n\r\n";

	pump_write(pump, question, sizeof(question) - 1);
}

static void
on_answered(struct hello_check *check)
{
	struct err err = ERR_INIT;

	if (check->parser.head.status != 200)
		err_set(&err, ERR_PROTO,
			"the daemon says hello with HTTP status %u",
			check->parser.head.status);
	else if (hello_judge(&check->body, &check->expected, &err) == 0)
		streams_give(check->streams, TAKE(check->pump));
	end(check, err.code ? &err : NULL);
}

static void
on_data(struct pump *pump UNUSED, const void *bytes, size_t n, void *owner)
{
	struct hello_check *check = owner;
	const uint8_t *at = bytes, *data;
	enum parser_event event;
	struct err err = ERR_INIT;
	size_t size;

	do {
		event = n > 0
			    ? parser_next(&check->parser, &at, &n, &data, &size)
			    : parser_finish(&check->parser);
		if (event == PARSER_DATA &&
		    buf_add(&check->body, data, size) < 0)
			event = PARSER_BAD;
	} while (event == PARSER_HEAD || event == PARSER_DATA);
	if (event == PARSER_END) {
		on_answered(check);
	} else if (event == PARSER_BAD) {
		err_set(&err, ERR_PROTO, "no daemon of berth answers there");
		end(check, &err);
	}
}

static int take_stream(struct hello_check *check, struct err *err);

static void
on_end(struct pump *pump, const struct err *why, void *owner)
{
	struct hello_check *check = owner;
	bool was_open = pump_is_open(pump);
	struct err err = ERR_INIT;

	pump_free(TAKE(check->pump));
	if (why && !was_open && why->code == ERR_DENIED && !check->is_second) {
		check->is_second = true;
		streams_refused(check->streams, why);
		if (take_stream(check, &err) == 0)
			return;
	}
	if (err.code == ERR_NONE && why)
		err = *why;
	if (err.code == ERR_NONE)
		err_set(&err, ERR_UNREACHABLE, "it hung up without a word");
	err_wrap(&err, "the daemon there");
	end(check, &err);
}

static const struct pump_events events = {
	.on_open = ask,
	.on_data = on_data,
	.on_end = on_end,
};

static int
take_stream(struct hello_check *check, struct err *err)
{
	check->pump = streams_take(check->streams, &events, check, err);
	if (check->pump == NULL)
		return -1;
	if (pump_is_open(check->pump))
		ask(check->pump, check);
	return 0;
}

struct hello_check *
hello_check_start(struct streams *streams,
		  const struct hello_expected *expected, hello_done_fn *done,
		  void *owner, struct err *err)
{
	struct hello_check *check = xcalloc(1, sizeof(*check));

	check->streams = streams;
	check->expected = (struct hello_expected){
		.uid = expected->uid,
		.host_id = xstrdup(expected->host_id),
		.nonce = xstrdup(expected->nonce),
	};
	check->done = done;
	check->owner = owner;
	parser_init(&check->parser, PARSER_RESPONSE);
	buf_init(&check->body, MAX_HELLO);
	if (take_stream(check, err) == 0)
		return check;
	hello_check_free(check);
	return NULL;
}
