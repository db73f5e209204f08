/* SPDX-License-Identifier: ISC */

#include "client/exec_stream.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/exec.h"
#include "client/exec_json.h"
#include "client/frames.h"
#include "core/text.h"
#include "http/server.h"
#include "tests/unit/client/fake.h"

#define JSONL "application/x-ndjson"

/* What a stream handed on. */
struct seen {
	struct client *client;
	struct buf out[2]; /* bytes by stream; events in the first */
	struct buf gaps;
	char id[32];
	unsigned n_started, n_broken, n_ends;
	bool has_result;
	int64_t exit_code;
	struct err err;
};

static void
on_started(const char *id, void *owner)
{
	struct seen *seen = owner;

	snprintf(seen->id, sizeof(seen->id), "%s", id);
	seen->n_started++;
}

static void
on_bytes(unsigned stream, const void *bytes, size_t n, void *owner)
{
	struct seen *seen = owner;

	assert_int_equal(buf_add(&seen->out[stream], bytes, n), 0);
}

static void
on_gap(const struct exec_gap *gap, void *owner)
{
	struct seen *seen = owner;

	(void)buf_addf(&seen->gaps, "%u:%llu+%llu %s;", gap->stream,
		       (unsigned long long)gap->offset,
		       (unsigned long long)gap->length,
		       gap->reason ? gap->reason : "");
}

static void
on_event(const char *line, size_t n, void *owner)
{
	struct seen *seen = owner;

	assert_int_equal(buf_addf(&seen->out[0], "%.*s\n", (int)n, line), 0);
}

static void
on_broken(const struct err *why, void *owner)
{
	struct seen *seen = owner;

	seen->n_broken += why != NULL;
}

static void
on_end(const struct exec_result *result, const struct err *err, void *owner)
{
	struct seen *seen = owner;

	seen->n_ends++;
	seen->has_result = result != NULL;
	if (result)
		seen->exit_code = result->exit_code;
	if (err)
		seen->err = *err;
	client_stop(seen->client);
}

static const struct exec_stream_events events = {
	.on_started = on_started,
	.on_bytes = on_bytes,
	.on_gap = on_gap,
	.on_event = on_event,
	.on_broken = on_broken,
	.on_end = on_end,
};

static void
seen_init(struct seen *seen)
{
	*seen = (struct seen){ .exit_code = -1 };
	for (size_t i = 0; i < 2; i++)
		buf_init(&seen->out[i], 1 << 20);
	buf_init(&seen->gaps, 4096);
}

static void
seen_fini(struct seen *seen)
{
	for (size_t i = 0; i < 2; i++)
		buf_fini(&seen->out[i]);
	buf_fini(&seen->gaps);
}

/* Run a stream to its end against the fake daemon that is up. */
static void
watch(struct exec_stream_config *config, const char *addr, struct seen *seen)
{
	struct reach_config reach = { .no_start = true, .addr = addr };
	struct err err = ERR_INIT;
	AUTO_CLIENT *client = client_new(&reach, &err);
	struct exec_stream *stream;

	config->client = seen->client = client;
	config->events = &events;
	config->owner = seen;
	stream = exec_stream_start(config, &err);
	if (stream == NULL)
		fail_msg("%s", err.msg);
	client_run(client);
	assert_int_equal(seen->n_ends, 1);
	exec_stream_free(stream);
}

static const struct exec_spec spec = { .cmd = "x", .key = "the-key" };

static const char started[] =
    "{\"type\":\"started\",\"exec_id\":\"e1\",\"status\":\"running\"}";
static const char finished[] =
    "{\"type\":\"finished\",\"exec_id\":\"e1\",\"status\":\"finished\","
    "\"exit_code\":3}";

/* The whole of a run as frames. */
static void
add_frames(struct buf *out, bool has_started)
{
	if (has_started)
		fake_frame(out, FRAME_STARTED, 0, started, strlen(started));
	fake_frame(out, FRAME_STDOUT, 0, "hello ", 6);
	fake_frame(out, FRAME_STDERR, 0, "warning\n", 8);
	fake_frame(out, FRAME_KEEPALIVE, 0, "", 0);
	fake_frame(out, FRAME_STDOUT, 6, "world\n", 6);
	fake_frame(out, FRAME_FINISHED, 0, finished, strlen(finished));
}

/* And as events. */
static void
add_events(struct buf *out, bool has_started)
{
	static const char *const lines[] = {
		"{\"type\":\"log\",\"stream\":\"stdout\",\"line\":\"hello\","
		"\"offset\":0}\n",
		"{\"type\":\"log\",\"stream\":\"stderr\",\"line\":\"warning\","
		"\"offset\":0}\n",
		"{\"type\":\"gap\",\"stream\":\"stdout\",\"offset\":6,"
		"\"length\":10}\n",
		"{\"type\":\"log\",\"stream\":\"stdout\",\"line\":\"world\","
		"\"offset\":16}\n",
	};

	if (has_started)
		(void)buf_addf(out, "%s\n", started);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		(void)buf_adds(out, lines[i]);
	(void)buf_addf(out, "%s\n", finished);
}

/* The first answer breaks off behind so many bytes; the others are whole. */
struct cut {
	size_t at;
	bool is_events;
};

static void
answer_cut(const struct fake_request *r, void *arg)
{
	const struct cut *cut = arg;
	bool is_run = str_starts(r->head->target, "/v1/exec/run");
	const char *type = cut->is_events ? JSONL : FRAMES_TYPE;
	AUTO_BUF body = BUF_INIT(4096);

	if (cut->is_events)
		add_events(&body, is_run);
	else
		add_frames(&body, is_run);
	if (r->number == 0)
		fake_reply_cut(r, type, buf_bytes(&body), cut->at);
	else
		fake_reply(r, 200, type, buf_bytes(&body), body.len);
}

static void
every_byte_comes_once_wherever_it_breaks(void **state UNUSED)
{
	AUTO_BUF whole = BUF_INIT(4096);

	add_frames(&whole, true);
	for (size_t at = 0; at < whole.len; at++) {
		struct exec_stream_config config = { .spec = &spec,
						     .form = EXEC_BYTES };
		struct cut cut = { .at = at };
		struct seen seen;

		seen_init(&seen);
		fake_start(answer_cut, &cut, 0);
		watch(&config, NULL, &seen);
		fake_stop();
		assert_string_equal(seen.err.msg, "");
		assert_string_equal(buf_text(&seen.out[0]), "hello world\n");
		assert_string_equal(buf_text(&seen.out[1]), "warning\n");
		assert_int_equal(seen.n_started, 1);
		assert_string_equal(seen.id, "e1");
		assert_int_equal(seen.exit_code, 3);
		seen_fini(&seen);
	}
}

static void
every_event_comes_once_wherever_it_breaks(void **state UNUSED)
{
	AUTO_BUF whole = BUF_INIT(4096);

	add_events(&whole, true);
	for (size_t at = 0; at < whole.len; at += 3) {
		struct exec_stream_config config = { .spec = &spec,
						     .form = EXEC_EVENTS };
		struct cut cut = { .at = at, .is_events = true };
		struct seen seen;

		seen_init(&seen);
		fake_start(answer_cut, &cut, 0);
		watch(&config, NULL, &seen);
		fake_stop();
		assert_string_equal(seen.err.msg, "");
		assert_string_equal(buf_text(&seen.out[0]), buf_text(&whole));
		assert_int_equal(seen.n_started, 1);
		assert_int_equal(seen.exit_code, 3);
		seen_fini(&seen);
	}
}

/* Up to the frames of stdout, so that what follows must be asked for. */
static void
answer_in_parts(const struct fake_request *r, void *arg UNUSED)
{
	AUTO_BUF body = BUF_INIT(4096);

	if (r->number == 0)
		fake_frame(&body, FRAME_STARTED, 0, started, strlen(started));
	if (r->number == 0)
		fake_frame(&body, FRAME_STDOUT, 0, "abc", 3);
	if (r->number == 1)
		fake_frame(&body, FRAME_STDERR, 0, "e", 1);
	if (r->number < 2) {
		fake_reply_cut(r, FRAMES_TYPE, buf_bytes(&body), body.len);
		return;
	}
	fake_frame(&body, FRAME_FINISHED, 0, finished, strlen(finished));
	fake_reply(r, 200, FRAMES_TYPE, buf_bytes(&body), body.len);
}

static void
a_start_is_repeated_only_until_it_is_known(void **state UNUSED)
{
	struct exec_stream_config config = { .spec = &spec };
	struct seen seen;

	seen_init(&seen);
	fake_start(answer_in_parts, NULL, 0);
	watch(&config, NULL, &seen);
	assert_string_equal(
	    fake_requests(),
	    "POST /v1/exec/run?format=frames "
	    "{\"cmd\":\"x\",\"key\":\"the-key\"}\n"
	    "GET /v1/exec/e1/logs?stream=both&format=frames&offset_out=3"
	    "&offset_err=0&follow=true\n"
	    "GET /v1/exec/e1/logs?stream=both&format=frames&offset_out=3"
	    "&offset_err=1&follow=true\n");
	assert_int_equal(seen.n_broken, 2);
	fake_stop();
	seen_fini(&seen);
}

static void
answer_gaps(const struct fake_request *r, void *arg UNUSED)
{
	static const char gap[] = "{\"stream\":\"stdout\",\"offset\":3,"
				  "\"length\":7,\"reason\":\"capped\"}";
	AUTO_BUF body = BUF_INIT(4096);

	fake_frame(&body, FRAME_STDOUT, 0, "abc", 3);
	fake_frame(&body, FRAME_GAP, 0, gap, strlen(gap));
	fake_frame(&body, FRAME_STDOUT, 10, "k", 1);
	if (r->number == 0) {
		fake_reply_cut(r, FRAMES_TYPE, buf_bytes(&body), body.len);
		return;
	}
	fake_frame(&body, FRAME_FINISHED, 0, finished, strlen(finished));
	fake_reply(r, 200, FRAMES_TYPE, buf_bytes(&body), body.len);
}

static void
a_gap_is_told_once(void **state UNUSED)
{
	struct exec_view view = EXEC_VIEW_INIT;
	struct exec_stream_config config = { .id = "e1", .view = &view };
	struct seen seen;

	view.follow = true;
	view.streams = 1;
	seen_init(&seen);
	fake_start(answer_gaps, NULL, 0);
	watch(&config, NULL, &seen);
	assert_string_equal(buf_text(&seen.out[0]), "abck");
	assert_string_equal(buf_text(&seen.gaps), "0:3+7 capped;");
	assert_non_null(strstr(fake_requests(), "stream=stdout&format=frames"
						"&offset=11&follow=true"));
	fake_stop();
	seen_fini(&seen);
}

/* A glance at the end: stderr has nothing to show, and much that is old. */
static void
answer_tail(const struct fake_request *r, void *arg UNUSED)
{
	AUTO_BUF body = BUF_INIT(4096);

	if (r->number == 0) {
		fake_reply_json(r, 200,
				"{\"exec_id\":\"e1\",\"status\":\"running\","
				"\"stdout_bytes\":100,\"stderr_bytes\":50}");
	} else if (r->number == 1) {
		fake_frame(&body, FRAME_STDOUT, 98, "z\n", 2);
		fake_reply_cut(r, FRAMES_TYPE, buf_bytes(&body), body.len);
	} else {
		fake_frame(&body, FRAME_FINISHED, 0, finished,
			   strlen(finished));
		fake_reply(r, 200, FRAMES_TYPE, buf_bytes(&body), body.len);
	}
}

static void
a_tail_stays_a_tail_after_a_break(void **state UNUSED)
{
	struct exec_view view = EXEC_VIEW_INIT;
	struct exec_stream_config config = { .id = "e1", .view = &view };
	struct seen seen;

	view.follow = true;
	view.tail_lines = 1;
	seen_init(&seen);
	fake_start(answer_tail, NULL, 0);
	watch(&config, NULL, &seen);
	assert_string_equal(
	    fake_requests(),
	    "GET /v1/exec/e1\n"
	    "GET /v1/exec/e1/logs?stream=both&format=frames&tail_lines=1"
	    "&follow=true\n"
	    "GET /v1/exec/e1/logs?stream=both&format=frames&offset_out=100"
	    "&offset_err=50&follow=true\n");
	fake_stop();
	seen_fini(&seen);
}

static void
answer_bounded(const struct fake_request *r, void *arg UNUSED)
{
	AUTO_BUF body = BUF_INIT(4096);

	fake_frame(&body, FRAME_STDOUT, 0, "abc", 3);
	fake_reply_cut(r, FRAMES_TYPE, buf_bytes(&body), body.len);
}

static void
what_has_an_end_of_its_own_is_not_resumed(void **state UNUSED)
{
	struct exec_view view = EXEC_VIEW_INIT;
	struct exec_stream_config config = { .id = "e1", .view = &view };
	struct seen seen;

	view.head = 10;
	seen_init(&seen);
	fake_start(answer_bounded, NULL, 0);
	watch(&config, NULL, &seen);
	assert_err(seen.err, ERR_UNREACHABLE, "closed the connection");
	fake_stop();
	seen_fini(&seen);
}

static void
answer_not_found(const struct fake_request *r, void *arg UNUSED)
{
	fake_reply_json(r, 404,
			"{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no "
			"such exec\"}}");
}

static void
an_error_of_the_daemon_ends_it_at_once(void **state UNUSED)
{
	struct exec_view view = EXEC_VIEW_INIT;
	struct exec_stream_config config = { .id = "e9", .view = &view };
	struct seen seen;

	seen_init(&seen);
	fake_start(answer_not_found, NULL, 0);
	watch(&config, NULL, &seen);
	assert_err(seen.err, ERR_NOT_FOUND, "no such exec");
	assert_false(seen.has_result);
	fake_stop();
	seen_fini(&seen);
}

/* As codexd: no frames, no offsets, members in another order, no hello. */
static void
answer_as_codexd(const struct fake_request *r, void *arg)
{
	static const char run[] =
	    "{\"exec_id\":\"e1\",\"started_at\":\"\",\"status\":\"running\","
	    "\"type\":\"started\"}\n"
	    "{\"line\":\"hello\",\"stream\":\"stdout\",\"type\":\"log\"}\n"
	    "{\"line\":\"warning\",\"stream\":\"stderr\",\"type\":\"log\"}\n"
	    "{\"exec_id\":\"e1\",\"exit_code\":4,\"finished_at\":\"\","
	    "\"status\":\"finished\",\"type\":\"finished\"}\n";

	if (str_eq(r->head->path, "/v1/hello"))
		fake_reply(r, 404, "text/plain", "404", 3);
	else if (str_eq(r->head->path, "/v1/exec/run") && arg)
		fake_reply_cut(r, JSONL, run, strlen(run) / 2);
	else if (str_eq(r->head->path, "/v1/exec/run"))
		fake_reply(r, 200, JSONL, run, strlen(run));
	else
		fake_reply(r, 200, "text/plain", "the log\n", 8);
}

static void
codexd_is_understood(void **state UNUSED)
{
	struct exec_view view = EXEC_VIEW_INIT;
	struct exec_stream_config run = { .spec = &spec },
				  logs = { .id = "e1", .view = &view };
	struct seen seen;

	seen_init(&seen);
	fake_start(answer_as_codexd, NULL, FAKE_TCP);
	watch(&run, fake_addr(), &seen);
	assert_string_equal(buf_text(&seen.out[0]), "hello\n");
	assert_string_equal(buf_text(&seen.out[1]), "warning\n");
	assert_int_equal(seen.exit_code, 4);
	seen_fini(&seen);

	seen_init(&seen);
	view.streams = 1;
	watch(&logs, fake_addr(), &seen);
	assert_string_equal(buf_text(&seen.out[0]), "the log\n");
	fake_stop();
	seen_fini(&seen);
}

static void
but_a_break_cannot_be_mended(void **state UNUSED)
{
	struct exec_stream_config run = { .spec = &spec };
	struct seen seen;

	seen_init(&seen);
	fake_start(answer_as_codexd, &seen, FAKE_TCP);
	watch(&run, fake_addr(), &seen);
	assert_err(seen.err, ERR_UNREACHABLE, "");
	assert_null(strstr(strstr(fake_requests(), "POST") + 1, "POST"));
	fake_stop();
	seen_fini(&seen);
}

static int
stop(void **state UNUSED)
{
	fake_stop();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_comes_once_wherever_it_breaks),
		cmocka_unit_test(every_event_comes_once_wherever_it_breaks),
		cmocka_unit_test(a_start_is_repeated_only_until_it_is_known),
		cmocka_unit_test(a_gap_is_told_once),
		cmocka_unit_test(a_tail_stays_a_tail_after_a_break),
		cmocka_unit_test(what_has_an_end_of_its_own_is_not_resumed),
		cmocka_unit_test(an_error_of_the_daemon_ends_it_at_once),
		cmocka_unit_test(codexd_is_understood),
		cmocka_unit_test(but_a_break_cannot_be_mended),
	};

	return cmocka_run_group_tests(tests, NULL, stop);
}
