/* SPDX-License-Identifier: ISC */

/* Sessions; see session.h. */

#include <inttypes.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/mem.h"
#include "core/text.h"
#include "client/client.h"
#include "client/exec.h"
#include "client/session.h"
#include "client/target.h"

#define MAX_BODY (4u << 20)
#define SESSION_PATH "/v1/session"

/* The daemon waits at most an hour; ask again then. */
#define ONE_WAIT_MS 600000

static const struct json_field fields[] = {
	JSON_F(struct session_info, name, STR, true),
	JSON_F(struct session_info, state, STR, true),
	JSON_F(struct session_info, reason, STR, false),
	JSON_F(struct session_info, profile, STR, false),
	JSON_F(struct session_info, argv, STRS, false),
	JSON_F(struct session_info, cwd, STR, false),
	JSON_F(struct session_info, title, STR, false),
	JSON_F(struct session_info, created_at, STR, false),
	JSON_F(struct session_info, active_at, STR, false),
	JSON_F(struct session_info, ended_at, STR, false),
	JSON_F(struct session_info, exit_code, INT, false),
	JSON_F(struct session_info, signal, INT, false),
	JSON_F(struct session_info, viewers, INT, false),
	JSON_F(struct session_info, cols, INT, false),
	JSON_F(struct session_info, rows, INT, false),
	JSON_F(struct session_info, existing, BOOL, false),
	JSON_F(struct session_info, outcome, STR, false),
};

void
session_info_fini(struct session_info *info)
{
	json_fields_fini(fields, ARRAY_SIZE(fields), info);
}

static int
decode_one(const struct json_t *value, struct session_info *ret,
	   struct err *err)
{
	*ret = (struct session_info)SESSION_INFO_INIT;
	if (json_decode(value, fields, ARRAY_SIZE(fields), JSON_UNKNOWN_OK, ret,
			err) == 0)
		return 0;
	session_info_fini(ret);
	err->code = ERR_PROTO;
	return err_wrap(err, "the daemon's answer");
}

int
session_info_decode(const void *text, size_t n, struct session_info *ret,
		    struct err *err)
{
	AUTO_JSON *value = json_parse(text, n, err);

	if (value == NULL) {
		err->code = ERR_PROTO;
		return err_wrap(err, "the daemon's answer");
	}
	return decode_one(value, ret, err);
}

bool
session_info_is_ended(const struct session_info *info)
{
	return !str_eq(info->state, "running");
}

int
session_infos_decode(const void *text, size_t n, struct session_infos *ret,
		     struct err *err)
{
	AUTO_JSON *value = json_parse(text, n, err);
	const struct json_t *list = value ? json_get(value, "sessions") : NULL;

	*ret = (struct session_infos){ .n = 0 };
	if (list == NULL)
		return err_set(err, ERR_PROTO,
			       "the daemon's answer is no list of sessions");
	if (json_len(list) > 0)
		ret->items = xcalloc(json_len(list), sizeof(*ret->items));
	for (size_t i = 0; i < json_len(list); i++) {
		if (decode_one(json_at(list, i), &ret->items[i], err) < 0) {
			session_infos_fini(ret);
			return -1;
		}
		ret->n++;
	}
	return 0;
}

void
session_infos_fini(struct session_infos *infos)
{
	for (size_t i = 0; i < infos->n; i++)
		session_info_fini(&infos->items[i]);
	free(infos->items);
	*infos = (struct session_infos){ .n = 0 };
}

static void
add_text(struct jsonw *w, const char *key, const char *text)
{
	if (text)
		jsonw_str(w, key, text);
}

int
session_new(struct client *client, const struct session_spec *spec,
	    struct buf *answer, struct err *err)
{
	AUTO_BUF body = BUF_INIT(MAX_BODY);
	struct jsonw w = JSONW_INIT(&body);
	char key[EXEC_KEY_SIZE];

	exec_key_new(key);
	jsonw_object(&w, NULL);
	add_text(&w, "name", spec->name);
	add_text(&w, "profile", spec->profile);
	add_text(&w, "cwd", spec->cwd);
	jsonw_str(&w, "key", key);
	if (spec->argv)
		jsonw_strv(&w, "argv", spec->argv);
	if (spec->env)
		jsonw_env(&w, "env", spec->env);
	if (spec->cols && spec->rows) {
		jsonw_u64(&w, "cols", spec->cols);
		jsonw_u64(&w, "rows", spec->rows);
	}
	jsonw_object_end(&w);
	if (jsonw_done(&w) < 0)
		return err_set(err, ERR_LIMIT, "the command is too long");
	return client_post(client, SESSION_PATH, &body, CLIENT_REPEAT, answer,
			   err);
}

int
session_list(struct client *client, struct buf *answer, struct err *err)
{
	return client_get(client, SESSION_PATH, answer, err);
}

int
session_get(struct client *client, const char *name, struct buf *answer,
	    struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);

	target_path(&target, SESSION_PATH "/", name, NULL);
	return client_get(client, buf_text(&target), answer, err);
}

int
session_send(struct client *client, const char *name,
	     const struct session_typing *typing, struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);
	AUTO_BUF body = BUF_INIT(MAX_BODY), answer = BUF_INIT(MAX_BODY);
	struct jsonw w = JSONW_INIT(&body);

	target_path(&target, SESSION_PATH "/", name, "/send");
	jsonw_object(&w, NULL);
	add_text(&w, "text", typing->text);
	if (typing->keys)
		jsonw_strv(&w, "keys", typing->keys);
	jsonw_bool(&w, "paste", typing->paste);
	jsonw_object_end(&w);
	if (jsonw_done(&w) < 0)
		return err_set(err, ERR_LIMIT, "the text is too long");
	/* What was typed once must not be typed twice: no repeating. */
	return client_post(client, buf_text(&target), &body, 0, &answer, err);
}

int
session_capture(struct client *client, const char *name,
		const struct session_view *view, struct buf *out,
		struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);

	target_path(&target, SESSION_PATH "/", name, "/capture");
	target_add(&target, "format", view->is_ansi ? "ansi" : "plain");
	target_add(&target, "lines", view->lines);
	target_add(&target, "join", view->joins ? "true" : NULL);
	return client_get(client, buf_text(&target), out, err);
}

static int
wait_once(struct client *client, const char *name,
	  const struct session_wish *wish, uint64_t timeout_ms,
	  struct buf *answer, struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);
	AUTO_FREE char *timeout = xasprintf("%" PRIu64 "ms", timeout_ms);
	AUTO_FREE char *quiet = xasprintf("%" PRIu64 "ms", wish->quiet_ms);
	struct http_request request = { .method = "GET" };

	target_path(&target, SESSION_PATH "/", name, "/wait");
	if (wish->until_ended)
		target_add(&target, "until", "ended");
	target_add(&target, "pattern", wish->pattern);
	target_add(&target, "regex", wish->regex);
	target_add(&target, "quiet", wish->quiet_ms ? quiet : NULL);
	target_add(&target, "timeout", timeout);
	request.target = buf_text(&target);
	return client_call(client, &request, CLIENT_REPEAT | CLIENT_PATIENT,
			   answer, err);
}

int
session_wait(struct client *client, const char *name,
	     const struct session_wish *wish, struct buf *answer,
	     struct err *err)
{
	uint64_t deadline = clock_mono_ms() + wish->timeout_ms;

	for (;;) {
		AUTO_SESSION_INFO info = SESSION_INFO_INIT;
		uint64_t now = clock_mono_ms(), ms = ONE_WAIT_MS;

		if (wish->timeout_ms)
			ms = MIN(ms, deadline > now ? deadline - now : 1);
		buf_clear(answer);
		if (wait_once(client, name, wish, ms, answer, err) < 0 ||
		    session_info_decode(buf_bytes(answer), answer->len, &info,
					err) < 0)
			return -1;
		if (info.outcome == NULL || !str_eq(info.outcome, "timeout") ||
		    (wish->timeout_ms && clock_mono_ms() >= deadline))
			return 0;
	}
}

int
session_kill(struct client *client, const char *name, uint64_t grace_ms,
	     struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX), answer = BUF_INIT(MAX_BODY);
	AUTO_FREE char *grace = xasprintf("%" PRIu64 "ms", grace_ms);
	struct http_request request = { .method = "DELETE" };

	target_path(&target, SESSION_PATH "/", name, NULL);
	target_add(&target, "grace", grace_ms == UINT64_MAX ? NULL : grace);
	request.target = buf_text(&target);
	return client_call(client, &request, CLIENT_PATIENT, &answer, err);
}

int
session_rename(struct client *client, const char *name, const char *to,
	       struct err *err)
{
	AUTO_BUF target = BUF_INIT(TARGET_MAX);
	AUTO_BUF body = BUF_INIT(MAX_BODY), answer = BUF_INIT(MAX_BODY);
	struct jsonw w = JSONW_INIT(&body);

	target_path(&target, SESSION_PATH "/", name, "/rename");
	jsonw_object(&w, NULL);
	jsonw_str(&w, "name", to);
	jsonw_object_end(&w);
	return client_post(client, buf_text(&target), &body, 0, &answer, err);
}
