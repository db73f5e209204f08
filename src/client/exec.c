/* SPDX-License-Identifier: ISC */

/* Calls about execs; see exec.h. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/jsonw.h"
#include "core/rand.h"
#include "wire/errors.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/exec_json.h"
#include "client/target.h"

/* A long poll is shorter than what the head of an answer may take. */
#define WAIT_STEP_S 20

/* codexd knows no long poll and is asked again after a while. */
#define POLL_PAUSE_MS 500

/* A request holds a script at most. */
#define MAX_REQUEST (16u << 20)

void
exec_key_new(char out[EXEC_KEY_SIZE])
{
	char id[ID_SIZE];

	id_new(id, clock_wall_ns());
	snprintf(out, EXEC_KEY_SIZE, "cli-%s", id);
}

int
exec_start(struct client *client, const struct exec_spec *spec,
	   struct buf *answer, struct err *err)
{
	AUTO_BUF body = BUF_INIT(MAX_REQUEST);
	bool is_berthd = false;

	if (client_is_berthd(client, &is_berthd, err) < 0)
		return -1;
	if (exec_spec_encode(spec, &body) < 0)
		return err_set(err, ERR_LIMIT, "the request is too large");
	return client_post(client, "/v1/exec", &body,
			   is_berthd ? CLIENT_REPEAT : 0, answer, err);
}

int
exec_get(struct client *client, const char *id, struct buf *answer,
	 struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);

	target_path(&target, "/v1/exec/", id, NULL);
	return client_get(client, buf_text(&target), answer, err);
}

/* One long poll; the answer says whether it was worth it. */
static int
wait_step(struct client *client, const char *id, uint64_t seconds,
	  struct buf *answer, bool *ret_finished, struct err *err)
{
	AUTO_EXEC_RESULT result = EXEC_RESULT_INIT;
	AUTO_BUF target = BUF_INIT(TARGET_MAX);

	target_path(&target, "/v1/exec/", id, NULL);
	target_add_number(&target, "wait", seconds);
	buf_clear(answer);
	if (client_get(client, buf_text(&target), answer, err) < 0 ||
	    exec_result_decode(buf_bytes(answer), answer->len, &result, err) <
		0)
		return -1;
	*ret_finished = exec_result_is_finished(&result);
	return 0;
}

static void
pause_ms(uint64_t ms)
{
	struct timespec pause = { .tv_sec = (time_t)(ms / 1000),
				  .tv_nsec = (long)(ms % 1000 * 1000000) };

	while (nanosleep(&pause, &pause) < 0)
		;
}

int
exec_wait(struct client *client, const char *id, uint64_t timeout_ms,
	  struct buf *answer, bool *ret_finished, struct err *err)
{
	uint64_t start = clock_mono_ms();

	for (;;) {
		uint64_t begun = clock_mono_ms(), spent = begun - start;
		uint64_t left = WAIT_STEP_S * 1000;

		if (timeout_ms > 0)
			left = MIN(left, timeout_ms - MIN(spent, timeout_ms));
		if (wait_step(client, id, (left + 999) / 1000, answer,
			      ret_finished, err) < 0) {
			/* A link knows better when to give up. */
			if (!client_reach(client)->is_linked ||
			    !error_is_retryable(err))
				return -1;
			*ret_finished = false;
		}
		spent = clock_mono_ms() - start;
		if (*ret_finished || (timeout_ms > 0 && spent >= timeout_ms))
			return 0;
		if (clock_mono_ms() - begun < POLL_PAUSE_MS)
			pause_ms(POLL_PAUSE_MS);
	}
}

int
exec_text(struct client *client, const char *id, struct buf *out,
	  struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);

	target_path(&target, "/v1/exec/", id, "/logs");
	target_add(&target, "stream", "stdout");
	target_add(&target, "full", "true");
	return client_get(client, buf_text(&target), out, err);
}

int
exec_list(struct client *client, const struct exec_filter *filter,
	  struct buf *answer, struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);

	(void)buf_adds(&target, "/v1/exec");
	target_add(&target, "state", filter->state);
	target_add(&target, "before", filter->before);
	target_add(&target, "label", filter->label);
	target_add(&target, "q", filter->text);
	target_add_number(&target, "limit", filter->limit);
	return client_get(client, buf_text(&target), answer, err);
}

/* POST an object to /v1/exec/ID/verb. */
static int
post(struct client *client, const char *id, const char *verb,
     const struct buf *body, struct buf *answer, struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);

	/* A cancel takes as long as its grace. */
	target_path(&target, "/v1/exec/", id, verb);
	return client_post(client, buf_text(&target), body, CLIENT_PATIENT,
			   answer, err);
}

int
exec_cancel(struct client *client, const char *id, const char *signal,
	    uint64_t grace_ms, struct buf *answer, struct err *err)
{
	AUTO_BUF body = BUF_INIT(256);
	struct jsonw w = JSONW_INIT(&body);
	char grace[32];

	if (signal == NULL && grace_ms == 0)
		return post(client, id, "/cancel", NULL, answer, err);
	jsonw_object(&w, NULL);
	if (signal)
		jsonw_str(&w, "signal", signal);
	snprintf(grace, sizeof(grace), "%llums", (unsigned long long)grace_ms);
	if (grace_ms > 0)
		jsonw_str(&w, "grace", grace);
	jsonw_object_end(&w);
	return post(client, id, "/cancel", &body, answer, err);
}

int
exec_signal(struct client *client, const char *id, const char *signal,
	    struct err *err)
{
	AUTO_BUF body = BUF_INIT(256), answer = BUF_INIT(EXEC_MAX_ANSWER);
	struct jsonw w = JSONW_INIT(&body);

	jsonw_object(&w, NULL);
	jsonw_str(&w, "signal", signal);
	jsonw_object_end(&w);
	return post(client, id, "/signal", &body, &answer, err);
}

int
exec_resize(struct client *client, const char *id, uint64_t cols, uint64_t rows,
	    struct err *err)
{
	AUTO_BUF body = BUF_INIT(256), answer = BUF_INIT(EXEC_MAX_ANSWER);
	struct jsonw w = JSONW_INIT(&body);

	jsonw_object(&w, NULL);
	jsonw_u64(&w, "cols", cols);
	jsonw_u64(&w, "rows", rows);
	jsonw_object_end(&w);
	return post(client, id, "/resize", &body, &answer, err);
}

int
exec_remove(struct client *client, const char *id, struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_ANSWER);
	struct http_request request = { .method = "DELETE" };

	target_path(&target, "/v1/exec/", id, NULL);
	request.target = buf_text(&target);
	return client_call(client, &request, 0, &answer, err);
}

int
exec_write(struct client *client, const char *id, const struct buf *bytes,
	   bool eof, uint64_t *ret_taken, struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);
	AUTO_BUF answer = BUF_INIT(EXEC_MAX_ANSWER);
	struct http_request request = { .method = "POST",
					.type = "application/octet-stream",
					.body = buf_bytes(bytes),
					.body_len = bytes->len };

	target_path(&target, "/v1/exec/", id, "/stdin");
	if (eof)
		target_add(&target, "eof", "true");
	request.target = buf_text(&target);
	if (client_call(client, &request, CLIENT_PATIENT, &answer, err) < 0)
		return -1;
	return exec_taken_decode(buf_bytes(&answer), answer.len, ret_taken,
				 err);
}
